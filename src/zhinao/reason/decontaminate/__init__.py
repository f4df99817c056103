"""Training prompts that are questions of a benchmark: normalised, compared, shown side by side."""
