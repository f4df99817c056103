"""The process that runs OpenVINO GenAI. Started by `process.py`, spoken to in JSON lines over its pipes.

A step of the pipeline holds the interpreter lock and a failing step leaves it dead, so it has a process to itself; here
a failure ends the process, and the parent starts another. Requests arrive checked. When the parent is gone, this process ends.

In:  the settings (`openvino_settings.for_worker`), then {"do": "generate", "id", "ids", "config"}, {"do": "score", "id", "ids"}, {"do": "cancel", "id"}
Out: {"ready": seconds}, {"chunks": [[id, ids, logprobs, finish], …]}, {"refused": id, "why"}, {"failed": why}
The scores of a prompt are the logprobs of chunks whose ids are the prompt's own.
"""

import json
import os
import queue
import sys
import threading
import time

from zhinao.engine.openvino.child import end_with_parent
from zhinao.engine.openvino.slow_steps import Constrained, SlowSteps


def main() -> None:
    end_with_parent()
    start = time.monotonic()
    answers = _take_stdout()
    commands: queue.SimpleQueue = queue.SimpleQueue()
    try:
        _genai()  # while the parent is still looking at the checkpoint
        threading.Thread(target=_read, args=(commands,), daemon=True).start()
        worker = _Worker(commands.get(), commands, answers)
        _send(answers, {"ready": round(time.monotonic() - start, 3)})
        worker.run()
    except Exception as error:
        # Whatever the pipeline threw, it is unusable now; the parent puts the sentence into its EngineError.
        _send(answers, {"failed": f"{type(error).__name__}: {error}".strip()[:2000]})
        os._exit(1)


def _take_stdout():
    """The pipe to the parent; what libraries print goes to stderr from here on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _genai():
    from zhinao.engine.openvino.quiet import without_tools

    without_tools()
    import openvino_genai.py_openvino_genai

    return openvino_genai.py_openvino_genai


def _send(answers, message: dict) -> None:
    try:
        answers.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        answers.flush()
    except BrokenPipeError:
        os._exit(0)


def _read(commands: queue.SimpleQueue) -> None:
    for line in sys.stdin.buffer:
        commands.put(json.loads(line))
    os._exit(0)


def grammar_config(genai, text: str):
    """GenAI's form of a grammar as `engine.grammar` writes it."""
    return genai.StructuredOutputConfig(grammar=text)


class _Worker:
    def __init__(self, settings: dict, commands: queue.SimpleQueue, answers):
        self.settings, self.commands, self.answers = settings, commands, answers
        self.generator = Pipeline(settings["folder"], settings["generate"])
        self.scorer: Pipeline | None = self.generator if settings["is_for_scoring"] else None
        self.waiting_scores: list[dict] = []
        self.building: threading.Thread | None = None

    def run(self) -> None:
        """Serve until the parent leaves: take all commands, make one step of each pipeline that has work, report."""
        while True:
            if self._is_idle():
                self._take(self.commands.get())
            while not self.commands.empty():
                self._take(self.commands.get())
            if self.waiting_scores and self.scorer and not self.scorer.is_scoring():
                # One at a time: the logits of a whole piece of prompt are held at once.
                self._try(self.scorer, self.waiting_scores.pop(0), self.scorer.score_config())
            chunks = self.generator.step()
            if self.scorer and self.scorer is not self.generator:
                chunks += self.scorer.step()
            if chunks:
                _send(self.answers, {"chunks": chunks})

    def _is_idle(self) -> bool:
        is_scoring = self.scorer and self.scorer.handles
        is_waiting = self.scorer and self.waiting_scores
        return not (self.generator.handles or is_scoring or is_waiting) and self.commands.empty()

    def _take(self, command: dict) -> None:
        if command["do"] == "generate":
            values = command["config"]
            if grammar := values.get("grammar"):
                self.generator.constrain(command["id"], grammar, values["grammar_seconds"])
            self._try(self.generator, command, self.generator.config(values))
        elif command["do"] == "score":
            self.waiting_scores.append(command)
            if not (self.scorer or self.building):
                self.building = threading.Thread(target=self._build, daemon=True)
                self.building.start()
        elif command["do"] == "built":
            self.scorer = command["scorer"]
        elif command["do"] == "fail":
            raise command["error"]
        else:
            self.waiting_scores = [c for c in self.waiting_scores if c["id"] != command["id"]]
            for pipeline in filter(None, {self.generator, self.scorer}):
                pipeline.cancel(command["id"])

    def _build(self) -> None:
        """The second pipeline takes seconds, in which answers go on."""
        try:
            self.commands.put({"do": "built", "scorer": Pipeline(self.settings["folder"], self.settings["score"])})
        except Exception as error:
            self.commands.put({"do": "fail", "error": error})

    def _try(self, pipeline: "Pipeline", command: dict, config) -> None:
        try:
            pipeline.add(command["id"], command["ids"], config)
        except RuntimeError as error:  # refused before it ran: the pipeline is unharmed
            pipeline.forget(command["id"])
            _send(self.answers, {"refused": command["id"], "why": str(error).strip()[:2000]})


class Pipeline:
    """One ContinuousBatchingPipeline and its live handles."""

    def __init__(self, folder: str, settings: dict):
        self.genai = genai = _genai()
        scheduler = genai.SchedulerConfig()
        for name, value in settings["scheduler"].items():
            setattr(scheduler, name, value)
        if vocabulary := settings.get("vocabulary"):
            tokenizer, properties = genai.Tokenizer(vocabulary), settings["properties"]
            self.pipeline = genai.ContinuousBatchingPipeline(folder, tokenizer, scheduler, "CPU", **properties)
        else:
            self.pipeline = genai.ContinuousBatchingPipeline(folder, scheduler, "CPU", settings["properties"])
        self.handles: dict[int, object] = {}  # a dropped handle would cancel its request
        self.scores: set[int] = set()
        self.unread: set[int] = set()  # requests whose prompts are not through
        self.constrained: dict[int, Constrained] = {}
        self.slow_steps, self.grammars = SlowSteps(), set()

    def constrain(self, request: int, grammar: str, seconds: float) -> None:
        is_new = hash(grammar) not in self.grammars
        self.grammars.add(hash(grammar))
        self.constrained[request] = Constrained(grammar, seconds, is_new)

    def is_scoring(self) -> bool:
        return bool(self.scores)

    def config(self, values: dict):
        config = self.genai.GenerationConfig()
        stop_ids, grammar = values.pop("stop_ids"), values.pop("grammar", None)
        values.pop("grammar_seconds", None)
        config.set_eos_token_id(stop_ids[0] if stop_ids else 0)
        if stop_ids:
            config.stop_token_ids = set(stop_ids)
        if grammar:
            config.structured_output_config = grammar_config(self.genai, grammar)
        for name, value in values.items():
            setattr(config, name, value)
        return config

    def score_config(self):
        return self.config(
            {"stop_ids": [], "ignore_eos": True, "do_sample": False, "max_new_tokens": 0, "echo": True, "logprobs": 1}
        )

    def add(self, request: int, ids: list[int], config) -> None:
        import numpy as np
        from openvino import Tensor

        self.handles[request] = self.pipeline.add_request(request, Tensor(np.array([ids], np.int64)), config)
        self.unread.add(request)
        if config.echo:
            self.scores.add(request)

    def cancel(self, request: int) -> None:
        if handle := self.handles.get(request):
            handle.cancel()
        self.forget(request)

    def forget(self, request: int) -> None:
        self.handles.pop(request, None)
        self.constrained.pop(request, None)
        self.scores.discard(request)
        self.unread.discard(request)

    def step(self) -> list:
        """One step, where there is work; returns the chunks that came of it."""
        if not self.pipeline.has_non_finished_requests():
            return []
        is_reading, start = bool(self.unread), time.monotonic()
        self.pipeline.step()
        seconds = time.monotonic() - start
        chunks = [chunk for request in list(self.handles) if (chunk := self._chunk(request))]
        for request, ids, _, finish in chunks:
            self._count(request, len(ids), finish)
        for request in self.slow_steps.blamed(seconds, is_reading, self.constrained):
            self.cancel(request)
            chunks.append([request, [], [], "slow"])
        return chunks

    def _count(self, request: int, num_tokens: int, finish: str | None) -> None:
        self.unread.discard(request)
        if request in self.constrained:
            self.constrained[request].num_tokens += num_tokens
        if finish:
            self.forget(request)

    def _chunk(self, request: int) -> list | None:
        handle, ids, logprobs, finish = self.handles[request], [], [], None
        reasons, statuses = self.genai.GenerationFinishReason, self.genai.GenerationStatus
        while handle.can_read():
            for output in handle.read().values():
                ids += output.generated_ids
                logprobs += output.generated_log_probs
                finish = {reasons.STOP: "stop", reasons.LENGTH: "length"}.get(output.finish_reason)
        if finish is None and handle.get_status() == statuses.IGNORED:
            finish = "cache"
        return [request, ids, logprobs, finish] if ids or finish else None


if __name__ == "__main__":
    main()
