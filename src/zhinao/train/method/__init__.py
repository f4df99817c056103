"""What a way of training adds to the frame in `train/run.py`, a file each."""
