"""The whole road on a laptop: a tiny model learns to reason about arithmetic, by the commands that a 7B model would be taught with."""
