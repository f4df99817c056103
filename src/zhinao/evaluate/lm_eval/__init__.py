"""lm-evaluation-harness on our engines: its tasks as a suite of ours (`run`), and `--model zhinao` in its own command (`__main__`)."""
