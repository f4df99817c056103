"""Code that a model wrote: run behind walls, and graded by its tests."""

from zhinao.score.code.graders import grade_code
from zhinao.score.code.sandbox import Ran, run_tests, walls

__all__ = ["Ran", "grade_code", "run_tests", "walls"]
