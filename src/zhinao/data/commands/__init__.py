"""What the verbs of `zhinao data` share, and those verbs that are one file."""
