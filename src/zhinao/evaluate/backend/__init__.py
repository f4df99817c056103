"""Who answers: an engine of ours, or servers by their addresses."""
