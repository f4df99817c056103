"""What a run's numbers say beside the published ones."""
