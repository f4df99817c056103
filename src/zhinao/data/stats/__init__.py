"""`zhinao data stats`: how long, how many, how often."""
