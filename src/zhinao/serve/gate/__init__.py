"""What stands around the server: bodies, keys, limits, logs, connections. Knows nothing of models."""
