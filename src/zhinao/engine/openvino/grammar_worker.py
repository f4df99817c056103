"""The process in which grammars are tried out before the engine gets them. Started by `grammar.py`, one line each way.

GenAI compiles a grammar inside a step: one that is wrong makes that pipeline unusable, and one that is too large keeps
everybody waiting. So it is written, compiled and followed for a while here first, for a model that is next to nothing with
the same vocabulary, under limits of the operating system; whoever passes them may end this process.

In:  {"folder", "num_rows", "cpu_seconds", "bytes"}, then {"kind", "text"} for each grammar
Out: {"text": as the library takes it, "seconds": of computing for a token, "why": null, [English, Chinese], DEAD_END, SLOW or
LARGE, "is_whole": whether the sentence says of what it speaks}
"""

import json
import os
import re
import resource
import sys
import tempfile
import time

from zhinao.engine import grammar as grammars
from zhinao.engine.base import Grammar
from zhinao.engine.openvino.child import end_with_parent
from zhinao.engine.openvino.worker import grammar_config
from zhinao.errors import UsageError
from zhinao.lang import both, tr

NUM_STEPS = 4
# A grammar may be slow to follow, too, the more so the longer the text is. Most take 1 to 4 ms a token, the largest that
# people mean (a string of at most 4000 characters) 25; a processor that others share takes three times that, now and then
# more. Those that have no end in sight pass any bound, so it stands far from what people mean, and nobody is refused at the first look.
WALKED_STEPS = 48
MEAN_SECONDS, MOST_SECONDS = 0.12, 0.6
NUM_LOOKS = 2
COMPILED_SECONDS = (
    2.5  # of computing, which the engine spends again within a step; the largest that people mean takes 1
)
DEAD_END, SLOW, LARGE = "dead end", "slow", "large"
_NOTHING = 0  # the id that is taken where none is allowed


def main() -> None:
    end_with_parent()
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
        print(json.dumps(_verdict(trial, json.loads(line))), file=answers, flush=True)


def _verdict(trial: "_Trial", asked: dict) -> dict:
    answer = {"text": None, "seconds": 0.0, "is_whole": False}
    try:
        answer["text"] = grammars.written(Grammar(asked["kind"], asked["text"]))
    except RecursionError:
        return {**answer, "why": both(tr("it is nested too deeply.", "嵌套过深。"))}
    except UsageError as error:
        is_whole = asked["kind"] == "json_schema" and "json_schema" in error.message
        return {**answer, "why": both(error.message), "is_whole": is_whole}
    why = trial.why_not(answer["text"])
    if not why:
        answer["seconds"] = _seconds_a_token(trial, answer["text"])
        why = SLOW if answer["seconds"] > MEAN_SECONDS else None
    return {**answer, "why": why if why in (None, DEAD_END, SLOW, LARGE) else both(why)}


def _seconds_a_token(trial: "_Trial", text: str) -> float:
    for _ in range(NUM_LOOKS):
        if (seconds := trial.seconds_a_token(text)) <= MEAN_SECONDS:
            break
    return seconds


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _num_bytes_mapped() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


class _Trial:
    """A pipeline for nothing but grammars; made anew after each that it did not survive."""

    def __init__(self, folder: str, num_rows: int, log):
        from zhinao.engine.openvino.quiet import without_tools

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
        start, before = self.log.seek(0, os.SEEK_END), time.process_time()
        try:
            ids = self._follow(text)
        except RuntimeError as error:
            if "bad_alloc" in str(error):
                raise MemoryError from None
            self._renew()
            return _sentence(str(error))
        if time.process_time() - before > COMPILED_SECONDS:
            return LARGE
        self.log.seek(start)
        warnings = [line for line in self.log.read().decode(errors="replace").splitlines() if "Warning:" in line]
        if _NOTHING in ids:
            return DEAD_END
        return _sentence(warnings[0]) if warnings else None

    def seconds_a_token(self, text: str) -> float:
        """Of computing, towards the end of a longer text that is drawn by lot; MOST_SECONDS where that is too slow or impossible."""
        spent, before = [], time.process_time()
        steps = self._steps(text, WALKED_STEPS, do_sample=True, temperature=1.0, rng_seed=1)
        try:
            for _ in steps:
                now = time.process_time()
                spent.append(now - before)
                before = now
                if len(spent) > 1 and (spent[-1] > MOST_SECONDS or sum(spent[1:]) > WALKED_STEPS * MEAN_SECONDS):
                    steps.close()
                    return MOST_SECONDS
        except RuntimeError:  # it would end the engine
            self._renew()
            return MOST_SECONDS
        last = spent[1:][-(WALKED_STEPS // 4) :]
        return sum(last) / len(last) if last else 0.0

    def _follow(self, text: str) -> list[int]:
        """The first ids that it allows, token by token."""
        return [id for ids in self._steps(text, NUM_STEPS) for id in ids]

    def _steps(self, text: str, num: int, **sampling):
        """The ids of each step."""
        import numpy as np
        from openvino import Tensor

        config = self.genai.GenerationConfig()
        config.set_eos_token_id(self.stop_id)
        config.stop_token_ids = {self.stop_id}
        config.max_new_tokens = num
        for name, value in sampling.items():
            setattr(config, name, value)
        config.structured_output_config = grammar_config(self.genai, text)
        handle = self.pipeline.add_request(1, Tensor(np.zeros((1, 1), np.int64)), config)
        try:
            while self.pipeline.has_non_finished_requests():
                self.pipeline.step()
                ids = []
                while handle.can_read():
                    ids += [id for output in handle.read().values() for id in output.generated_ids]
                yield ids
        except GeneratorExit:
            handle.cancel()
            self.pipeline.step()
            raise


def _sentence(text: str) -> str:
    """The library's words without time, file and line."""
    text = re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", text.strip())
    return re.sub(r"^(Warning: |Check failed: \(.*?\) is (true|false): )+", "", text).strip()[:500]


if __name__ == "__main__":
    main()
