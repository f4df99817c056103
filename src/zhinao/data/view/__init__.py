"""`zhinao data view`: what a model is taught, token by token, in the terminal or as a page."""
