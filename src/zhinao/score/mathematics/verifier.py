"""Grades answers of mathematics: what is answered, the cheap comparison, and processes that may be killed around math-verify."""

import functools
import importlib.util
import json
import queue
import re

from zhinao.errors import MissingExtraError
from zhinao.limited import Limited
from zhinao.score.grade import Grade
from zhinao.score.mathematics.comparison import compare
from zhinao.score.mathematics.extraction import final_answer

_WORKER = "zhinao.score.mathematics.worker"
_SECONDS, _MEMORY, _MAX_ANSWER = 3.0, 2**30, 1000
_MOST = 1000  # characters of a formula that is asked about
_DIGITS = re.compile(r"\d{200}|\d{3}!|[)}]!|\^[^+*]{0,40}\^[^+*]{0,40}\^|\^\{?\s*\d{6}")
_MOST_NESTED = 40


class Verifier:
    """`num_workers` processes, each started when it is first needed. May be used by several threads at once; close it, or use `with`.

    `seconds`: of computing for one question, after which its process is killed and the answer counts as not told.
    """

    def __init__(self, num_workers: int = 1, *, seconds: float = _SECONDS):
        self._seconds = seconds
        self._workers = [Limited(_WORKER) for _ in range(num_workers)]
        self._free: queue.LifoQueue[Limited] = queue.LifoQueue()  # the one that is warm first
        for worker in reversed(self._workers):
            self._free.put(worker)

    def grade(self, gold: str, output: str, *, thinking: bool = False) -> Grade:
        """1.0 right, 0.0 wrong, None not told. `thinking`: the prompt has opened the thought, so that without `</think>` nothing counts.

        MissingExtraError where a formula needs math-verify and it is not installed.
        """
        answer, how = final_answer(output, thinking)
        if answer is None:
            return Grade(0.0, None, {"found": how})
        reasons: list[str] = []
        verdict = compare(gold, answer, functools.partial(self._ask, reasons))
        facts = {"found": how, "by": "math-verify" if reasons else "exact"}
        if verdict is None:
            told = sorted(set(reasons) - {"told"})
            return Grade(None, answer, facts | {"not_told": ", ".join(told) or "too many parts or too deep"})
        return Grade(float(verdict), answer, facts)

    def _ask(self, reasons: list[str], gold: str, answer: str) -> bool | None:
        reason = _unaskable(gold) or _unaskable(answer)
        found = f"?{reason}" if reason else self._exchange(gold, answer)
        reasons.append(found[1:] if found.startswith("?") else "told")
        return {"1": True, "0": False}.get(found)

    def _exchange(self, gold: str, answer: str) -> str:
        if not _installed():
            raise MissingExtraError("math-verify", "evaluate")
        worker = self._free.get()
        try:
            found = worker.ask(json.dumps([gold, answer]).encode(), self._seconds, _MEMORY, _MAX_ANSWER)
        finally:
            self._free.put(worker)
        return found.decode() if found else "?no end within its limits of time and memory"

    def close(self) -> None:
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def grade_math(gold: str, output: str, *, thinking: bool = False) -> Grade:
    """`Verifier.grade` with one worker that this process keeps."""
    return _kept().grade(gold, output, thinking=thinking)


@functools.lru_cache(1)
def _kept() -> Verifier:
    import atexit

    verifier = Verifier()
    atexit.register(verifier.close)
    return verifier


@functools.lru_cache(1)
def _installed() -> bool:
    return importlib.util.find_spec("math_verify") is not None


def _unaskable(text: str) -> str | None:
    """Why a formula is not worth a process: what would only be killed."""
    if len(text) > _MOST:
        return "too long"
    if _DIGITS.search(text):
        return "numbers too large"
    depth = most = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        most = max(most, depth)
    return "too deep" if most > _MOST_NESTED else None
