"""Where the benchmarks' original files come from. Fetching them is not done yet: says what to put where."""
