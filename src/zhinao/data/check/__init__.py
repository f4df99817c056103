"""`zhinao data check`: what is wrong with training data, and mending what can be mended without guessing."""
