"""What runs in each step and at the end: trainer, saving, what is recorded."""
