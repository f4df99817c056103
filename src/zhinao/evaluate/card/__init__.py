"""The regression card of a fine-tune: what a model could do before, and whether it still can."""
