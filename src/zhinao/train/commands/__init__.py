"""The verbs that train, a file each."""
