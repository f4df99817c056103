"""The verbs pull, models and remove."""
