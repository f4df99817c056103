"""Code that a model wrote: run behind walls, and graded by its tests."""

from zhinao.score.code.sandbox import Ran, run_tests, walls

__all__ = ["Ran", "run_tests", "walls"]
