"""Whether an output's answer to a question of mathematics is right: what it answers, cheap exact comparisons, then a symbolic engine."""

from zhinao.score.mathematics.extraction import final_answer, last_boxed
from zhinao.score.mathematics.hendrycks import hendrycks_equal, math_v2_answer
from zhinao.score.mathematics.verifier import Verifier, grade_math

__all__ = ["Verifier", "final_answer", "grade_math", "hendrycks_equal", "last_boxed", "math_v2_answer"]
