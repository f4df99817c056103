"""What a person sees of a run: a status line, log.jsonl, TensorBoard, sample answers, run.html; and the guard that stops it.

Works with any Trainer of transformers: `install.watched(trainer, settings, facts)` around `trainer.train()` is all it needs.
"""
