"""How many answers of mathematics are graded a second: simple ones, which are settled without math-verify, and formulas.

python benchmarks/verifier_speed.py
"""

import time
from concurrent.futures import ThreadPoolExecutor

from zhinao.score.mathematics import Verifier

SIMPLE = [
    (str(i), f"<think>\n{'step ' * 50}\n</think>\nSo \\boxed{{{form}}}.")
    for i in range(1000)
    for form in (i, f"{i}.0", f"{i}\\text{{ cm}}")
]
SYMBOLIC = [(f"x^2+{2 * i}x+{i * i}", f"\\boxed{{(x+{i})^2}}") for i in range(2, 152)]


def main() -> None:
    with Verifier(2) as verifier, ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda pair: verifier.grade(*pair), SYMBOLIC[:4]))  # both workers are up
        for name, pairs in (("simple", SIMPLE), ("symbolic", SYMBOLIC)):
            begun = time.perf_counter()
            right = sum(grade.score == 1 for grade in threads.map(lambda pair: verifier.grade(*pair), pairs))
            print(f"{name}: {len(pairs) / (time.perf_counter() - begun):.0f} a second, {right} of {len(pairs)} right")


if __name__ == "__main__":
    main()
