"""`zhinao plan`: what a training run needs (memory and time) before it is started. Arithmetic alone; no torch."""
