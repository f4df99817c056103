"""Training data: what a file holds, what will be learned from it, and how it reaches the trainer."""
