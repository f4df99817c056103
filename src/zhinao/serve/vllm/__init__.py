"""vLLM for this family: the plugin that vLLM loads by itself, and the start of its server with the family's settings."""
