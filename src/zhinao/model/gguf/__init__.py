"""A GGUF file read as a checkpoint: header, tensors, tokenizer. Knows nothing of engines."""
