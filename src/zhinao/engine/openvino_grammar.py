"""Whether the embedded engine can follow a grammar, found out in a process of its own before the engine gets it.

Knows the limits and the verdicts; how grammars are written for the library: `grammar/`; what is run there stands in
`openvino_grammar_worker.py`.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from zhinao.engine import grammar as grammars
from zhinao.engine.base import Grammar
from zhinao.engine.openvino_grammar_worker import DEAD_END
from zhinao.engine.openvino_process import ENVIRONMENT
from zhinao.errors import EngineError, UsageError
from zhinao.lang import tr

if TYPE_CHECKING:
    from zhinao.engine.openvino_vocabulary import Vocabulary

CPU_SECONDS = 6  # the engine compiles it again, and everybody waits for that once
WALL_SECONDS = 60
NUM_BYTES = 2**30
_NUM_KEPT = 512


class GrammarChecker:
    """Verdicts on grammars for one vocabulary. May be used by several threads.

    The process starts with the first grammar (a second) and stays. Verdicts are kept, so one grammar is tried once.
    """

    def __init__(self, vocabulary: "Vocabulary"):
        self._settings = {
            "folder": str(vocabulary.trial_folder),
            "num_rows": vocabulary.num_trial_rows,
            "cpu_seconds": CPU_SECONDS,
            "bytes": NUM_BYTES,
        }
        self._lock, self._process, self._is_closed = threading.Lock(), None, False
        self._verdicts: dict[Grammar, tuple[str, str | None]] = {}

    def check(self, grammar: Grammar) -> str:
        """The text that the library is to be given. Raises UsageError where it is wrong, too large, or asks for what
        cannot be enforced. Takes milliseconds, or the limits' seconds."""
        try:
            text, why = self._verdicts[grammar]  # a known one waits for nobody
        except KeyError:
            text = _written(grammar)
            with self._lock:
                why = self._try(text)
                self._verdicts[grammar] = text, why
                if len(self._verdicts) > _NUM_KEPT:
                    del self._verdicts[next(iter(self._verdicts))]
        if why:
            raise _unusable(grammar, why)
        return text

    def close(self) -> None:
        """May be called twice."""
        self._is_closed = True
        if process := self._process:
            process.kill()  # who waits for it goes on
        with self._lock:
            self._kill()

    def _try(self, text: str) -> str | None:
        """The verdict. What ends a process that compiled others before is tried once more in a fresh one."""
        is_fresh = self._process is None
        answer = self._ask(text)
        if answer is None and not is_fresh:
            answer = self._ask(text)
        if answer is None:
            return tr(
                f"it takes more than {CPU_SECONDS} s of computing or {NUM_BYTES >> 20} MiB to compile; make it smaller, "
                "for example bounds like maxLength or {0,100}.",
                f"编译所需超过 {CPU_SECONDS} 秒或 {NUM_BYTES >> 20} MiB；请简化，例如减小 maxLength、{{0,100}} 之类的上限。",
            )
        if answer["why"] == DEAD_END:
            return tr("it allows no text at all, or none that ends.", "它不允许任何文本，或永远无法结束。")
        return answer["why"]

    def _ask(self, text: str) -> dict | None:
        """None where the process ended over it."""
        if self._is_closed:
            raise EngineError(tr("The engine is closed.", "引擎已关闭。"))
        self._process = self._process or self._start()
        self._write({"text": text})
        if select.select([self._process.stdout], [], [], WALL_SECONDS)[0] and (line := self._process.stdout.readline()):
            return json.loads(line)
        self._kill()
        return None

    def _start(self) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "zhinao.engine.openvino_grammar_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**ENVIRONMENT, **os.environ},
        )
        self._process = process
        self._write(self._settings)
        return process

    def _write(self, message: dict) -> None:
        with contextlib.suppress(BrokenPipeError):  # reading then finds the end
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def _written(grammar: Grammar) -> str:
    try:
        return grammars.written(grammar)
    except RecursionError:
        why = tr("it is nested too deeply.", "嵌套过深。")
    except UsageError as error:
        if grammar.kind == "json_schema" and "json_schema" in error.message:
            raise
        why = error.message
    raise _unusable(grammar, why)


def _unusable(grammar: Grammar, why: str) -> UsageError:
    return UsageError(tr(f"The {grammar.kind} cannot be used: {why}", f"无法使用该 {grammar.kind}：{why}"))
