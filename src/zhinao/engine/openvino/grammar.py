"""Whether the embedded engine can follow a grammar, found out in a process of its own before the engine gets it.

Knows the limits and the verdicts; what is run there stands in `grammar_worker.py`. Nothing of a stranger's grammar is
looked into in this process: its regular expressions alone could hold Python's lock for ever.
"""

import contextlib
import json
import select
import subprocess
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zhinao.engine.base import Grammar, JudgedGrammar
from zhinao.engine.openvino.child import Child
from zhinao.engine.openvino.grammar_worker import COMPILED_SECONDS, DEAD_END, LARGE, SLOW
from zhinao.errors import EngineError, UsageError
from zhinao.lang import both, tr

if TYPE_CHECKING:
    from zhinao.engine.openvino.vocabulary import Vocabulary

CPU_SECONDS = 15  # to read, compile and follow it, twice where it seems slow
WALL_SECONDS = 60
NUM_BYTES = 2**30
_NUM_KEPT = 512


@dataclass(frozen=True, kw_only=True)
class Usable(JudgedGrammar):
    """A grammar as the library takes it; the seconds are those of its trial."""

    text: str


class GrammarChecker:
    """Verdicts on grammars for one vocabulary. May be used by several threads.

    The process starts with the first grammar (a second) and stays. The last verdicts are kept, and those that somebody holds:
    a request that waits for its turn must not find its grammar forgotten, to be tried again where nobody expects it.
    """

    def __init__(self, vocabulary: "Vocabulary"):
        self._settings = {
            "folder": str(vocabulary.trial_folder),
            "num_rows": vocabulary.num_trial_rows,
            "cpu_seconds": CPU_SECONDS,
            "bytes": NUM_BYTES,
        }
        self._lock, self._process, self._is_closed = threading.Lock(), None, False
        self._verdicts: dict[Grammar, Usable | str] = {}
        self._held: weakref.WeakValueDictionary[Grammar, Usable] = weakref.WeakValueDictionary()

    def judged(self, grammar: Grammar) -> Usable | None:
        """What `check` would say at once, None where it would have to try. Raises UsageError."""
        verdict = self._verdicts.get(grammar) or self._held.get(grammar)
        if isinstance(verdict, str):
            raise UsageError(verdict)
        return verdict

    def check(self, grammar: Grammar) -> Usable:
        """Raises UsageError where it is wrong, too large or too slow, or asks for what cannot be enforced. Takes
        milliseconds, or the limits' seconds."""
        if known := self.judged(grammar):  # it waits for nobody
            return known
        with self._lock:
            if known := self.judged(grammar):
                return known
            verdict = self._verdicts[grammar] = self._try(grammar)
            if len(self._verdicts) > _NUM_KEPT:
                del self._verdicts[next(iter(self._verdicts))]
            if isinstance(verdict, str):
                raise UsageError(verdict)
            self._held[grammar] = verdict
            return verdict

    def close(self) -> None:
        """May be called twice."""
        self._is_closed = True
        if process := self._process:
            process.kill()  # who waits for it goes on
        with self._lock:
            self._kill()

    def _try(self, grammar: Grammar) -> Usable | str:
        """The verdict. What ends a process that compiled others before is tried once more in a fresh one."""
        is_fresh = self._process is None
        answer = self._ask(grammar)
        if answer is None and not is_fresh:
            answer = self._ask(grammar)
        if answer is None:
            return _unusable(grammar, _too_large(CPU_SECONDS))
        if why := answer["why"]:
            said = _SENTENCES[why]() if isinstance(why, str) else tr(*why)
            return said if answer["is_whole"] else _unusable(grammar, said)
        return Usable(text=answer["text"], seconds=answer["seconds"])

    def _ask(self, grammar: Grammar) -> dict | None:
        """None where the process ended over it."""
        if self._is_closed:
            raise EngineError(tr("The engine is closed.", "引擎已关闭。"))
        self._process = self._process or self._start()
        self._write({"kind": grammar.kind, "text": grammar.text})
        if select.select([self._process.stdout], [], [], WALL_SECONDS)[0] and (line := self._process.stdout.readline()):
            return json.loads(line)
        self._kill()
        return None

    def _start(self) -> Child:
        self._process = Child("zhinao.engine.openvino.grammar_worker", stderr=subprocess.DEVNULL)
        self._write(self._settings)
        return self._process

    def _write(self, message: dict) -> None:
        with contextlib.suppress(BrokenPipeError):  # reading then finds the end
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            process.close()


def _unusable(grammar: Grammar, why: str) -> str:
    english, chinese = both(why)
    return tr(f"The {grammar.kind} cannot be used: {english}", f"无法使用该 {grammar.kind}：{chinese}")


def _too_large(seconds: float) -> str:
    return tr(
        f"it takes more than {seconds} s of computing or {NUM_BYTES >> 20} MiB to compile; make it smaller, "
        "for example bounds like maxLength or {0,100}.",
        f"编译所需超过 {seconds} 秒或 {NUM_BYTES >> 20} MiB；请简化，例如减小 maxLength、{{0,100}} 之类的上限。",
    )


_SENTENCES = {
    DEAD_END: lambda: tr("it allows no text at all, or none that ends.", "它不允许任何文本，或永远无法结束。"),
    LARGE: lambda: _too_large(COMPILED_SECONDS),
    SLOW: lambda: tr(
        "following it takes too long for each token; rules that allow one text in many ways are often the reason.",
        "跟随它时每个 token 耗时过长；常见原因是同一文本有许多种匹配方式。",
    ),
}
