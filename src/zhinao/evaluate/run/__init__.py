"""From items to graded records and from records to scores."""
