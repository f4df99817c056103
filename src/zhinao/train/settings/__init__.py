"""What a run is told: settings, flags, and what is refused before anything is loaded."""
