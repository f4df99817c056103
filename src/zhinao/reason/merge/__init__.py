"""Several checkpoints of one shape as one: the arithmetic, and the folder that comes of it."""
