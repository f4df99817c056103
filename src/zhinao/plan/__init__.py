"""`zhinao plan`: what a training run needs (memory, hours, money) before it is started. Arithmetic alone; no torch."""
