"""From ids to rows: encoded once, kept on disk, mixed and packed."""
