"""Evaluation: benchmarks as small files, run by one engine, graded, with intervals and a verdict on published numbers."""
