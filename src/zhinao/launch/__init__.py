"""`zhinao launch`: starting training in many processes, on one machine or several, and ending them together."""
