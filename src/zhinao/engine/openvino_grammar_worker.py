"""The process in which grammars are tried out before the engine gets them. Started by `openvino_grammar.py`, one line each way.

GenAI compiles a grammar inside a step: one that is wrong makes that pipeline unusable, and one that is too large keeps
everybody waiting. So it is compiled here first, for a model that is next to nothing with the same vocabulary, under
limits of the operating system; whoever passes them may end this process.

In:  {"folder", "num_rows", "cpu_seconds", "bytes"}, then {"text"} for each grammar
Out: {"why": null, a sentence of the library, or DEAD_END}
"""

import json
import os
import re
import resource
import sys
import tempfile
import time

from zhinao.engine.openvino_worker import grammar_config

NUM_STEPS = 4  # a grammar may be slow to follow, not only to compile
DEAD_END = "dead end"
_NOTHING = 0  # the id that is taken where none is allowed


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    log = tempfile.TemporaryFile()  # noqa: SIM115 (for as long as the process lives)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    os.nice(10)  # answers under way come first; threads made from here on inherit it
    settings = json.loads(sys.stdin.readline())
    trial = _Trial(settings["folder"], settings["num_rows"], log)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, _num_bytes_mapped() + settings["bytes"])
    for line in sys.stdin:
        _limit(resource.RLIMIT_CPU, int(time.process_time() + settings["cpu_seconds"] + 1))
        grammar = json.loads(line)
        print(json.dumps({"why": trial.why_not(grammar["text"])}), file=answers, flush=True)


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _num_bytes_mapped() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


class _Trial:
    """A pipeline for nothing but grammars; made anew after each that it did not survive."""

    def __init__(self, folder: str, num_rows: int, log):
        from zhinao.engine.openvino_quiet import without_tools

        without_tools()
        import openvino_genai.py_openvino_genai as genai

        self.genai, self.folder, self.stop_id, self.log = genai, folder, num_rows - 1, log
        self.tokenizer = genai.Tokenizer(folder)
        self._renew()

    def _renew(self) -> None:
        scheduler = self.genai.SchedulerConfig()
        scheduler.num_kv_blocks = 2
        properties = {"INFERENCE_NUM_THREADS": 1}
        self.pipeline = self.genai.ContinuousBatchingPipeline(
            self.folder, self.tokenizer, scheduler, "CPU", **properties
        )

    def why_not(self, text: str) -> str | None:
        """What the library says against a grammar, be it only a warning; None where it has nothing to say."""
        start = self.log.seek(0, os.SEEK_END)
        try:
            ids = self._follow(text)
        except RuntimeError as error:
            if "bad_alloc" in str(error):
                raise MemoryError from None
            self._renew()
            return _sentence(str(error))
        self.log.seek(start)
        warnings = [line for line in self.log.read().decode(errors="replace").splitlines() if "Warning:" in line]
        if _NOTHING in ids:
            return DEAD_END
        return _sentence(warnings[0]) if warnings else None

    def _follow(self, text: str) -> list[int]:
        """The first ids that it allows, token by token."""
        import numpy as np
        from openvino import Tensor

        config = self.genai.GenerationConfig()
        config.set_eos_token_id(self.stop_id)
        config.stop_token_ids = {self.stop_id}
        config.max_new_tokens = NUM_STEPS
        config.structured_output_config = grammar_config(self.genai, text)
        handle, ids = self.pipeline.add_request(1, Tensor(np.zeros((1, 1), np.int64)), config), []
        while self.pipeline.has_non_finished_requests():
            self.pipeline.step()
            while handle.can_read():
                ids += [id for output in handle.read().values() for id in output.generated_ids]
        return ids


def _sentence(text: str) -> str:
    """The library's words without time, file and line."""
    text = re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", text.strip())
    return re.sub(r"^(Warning: |Check failed: \(.*?\) is (true|false): )+", "", text).strip()[:500]


if __name__ == "__main__":
    main()
