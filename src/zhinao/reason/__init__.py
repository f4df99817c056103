"""Long chains of thought: from an instruct model to one that reasons, stage by stage."""
