"""From files to samples: where they lie, how they are stored, what their fields mean."""
