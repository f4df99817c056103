"""The embedded engine: OpenVINO GenAI's continuous batching on a CPU, in a process of its own.

Requests are checked here, translated, and sent; the process that runs them is watched and started again when it dies.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zhinao.engine.base import CANCELLED, Chunk, Engine, Generation, Grammar, Sampling
from zhinao.engine.openvino.kept_grammars import KeptGrammars
from zhinao.engine.openvino.process import Answers, WorkerProcess
from zhinao.errors import ContextLengthError, EngineError, SlowGrammarError, UsageError
from zhinao.lang import tr

if TYPE_CHECKING:
    from zhinao.engine.openvino.build import Progress
    from zhinao.engine.openvino.grammar import GrammarChecker, Usable
    from zhinao.engine.openvino.prepare import Prepared
    from zhinao.engine.openvino.scorer import Scorer

_LOOK_SECONDS = 0.2  # between looks at whether somebody still waits
_SMALLEST = 1e-5  # below that a temperature is 0, as in vLLM


class OpenVINOEngine(Engine):
    """Many requests at once. `score` builds a second pipeline at its first call, or none with `is_for_scoring`; `score_many` has
    the graph in this process, and needs no other."""

    def __init__(self, worker: WorkerProcess | None, prepared: "Prepared"):
        """Without a `worker` the process starts with the first request that needs it."""
        self.info, self._settings, self._num_cache_tokens = prepared.info, prepared.settings, prepared.num_cache_tokens
        self._lock, self._is_closed, self._num_restarts = threading.Lock(), False, 0
        self._vocabulary = prepared.vocabulary
        self._grammars: GrammarChecker | None = None  # with the first grammar
        self._scorer: Scorer | None = None  # with the first `score_many`
        self._worker = worker and self._watched(worker)

    @classmethod
    def load(
        cls,
        folder: Path,
        quant: str | None = None,
        num_threads: int | None = None,
        cache_gb: float | None = None,
        progress: "Progress | None" = None,
        is_for_scoring: bool = False,
        is_for_many: bool = False,
        is_lazy: bool = False,
    ) -> "OpenVINOEngine":
        """Build the graph where it is not there yet and start the process; returns while it is still loading.

        `is_for_scoring` gives up the prefix cache so that one pipeline does everything (half the memory for `score`);
        `is_for_many` rounds activations of int8 weights too, which many requests at once gain by and a single one loses by.
        `is_lazy`: the process starts with the first answer that is asked for.
        Raises CheckpointError, DiskError, UsageError, and EngineError where memory does not suffice.
        """
        worker = None if is_lazy else WorkerProcess()  # it imports OpenVINO while the checkpoint is read here
        try:
            from zhinao.engine.openvino.prepare import prepare

            prepared = prepare(Path(folder), quant, num_threads, cache_gb, progress, is_for_scoring, is_for_many)
        except BaseException:
            if worker:
                worker.close()
            raise
        return cls(worker, prepared)

    def generate(self, prompt_ids: list[int], sampling: Sampling) -> Generation:
        grammar = self._written(sampling.grammar)
        self._check_memory(len(prompt_ids) + 1)
        num_tokens = self.check_prompt(prompt_ids, sampling)
        config = _config(sampling, num_tokens, self.info.vocab_size)
        if grammar:
            config |= self._constrained(sampling, grammar)
            self._renew_if_idle()
            self._kept.add(grammar.text)
        return _OpenVINOGeneration(self._running(), list(map(int, prompt_ids)), config)

    def score(self, prompt_ids: list[int], is_left: Callable[[], bool] = lambda: False) -> list[float]:
        self._check_memory(len(prompt_ids))
        self.check_score(prompt_ids)
        if len(prompt_ids) == 1:
            return []
        worker, scores = self._running(), []
        number, answers = worker.request("score", ids=list(map(int, prompt_ids)))
        try:
            while True:
                _, logprobs, finish = _next(answers, is_left)
                scores += logprobs
                if finish:
                    return scores[1:]  # the first token has nothing before it
        finally:
            worker.cancel(number)

    def score_many(self, requests, progress=None):
        """See `Engine`. What requests share is computed once (`engine/prefix_tree.py`). Weights are what they are; computed in float32 whatever answers
        are computed in: likelihoods in bf16 are multiples of 1/4, and choices would tie by rounding alone."""
        if self._is_closed:
            raise EngineError(tr("The engine is closed.", "引擎已关闭。"))
        self.check_score_many(requests, num_unread=1)
        from zhinao.engine import prefix_tree
        from zhinao.engine.openvino.scorer import NUM_TOKENS

        scorer = self._opened_scorer()
        sizes = {"num_tokens": NUM_TOKENS, "num_rows": scorer.num_rows}
        return prefix_tree.score(requests, scorer.runner(), progress=progress, **sizes)

    def _opened_scorer(self) -> "Scorer":
        from zhinao.engine.openvino.scorer import Scorer

        with self._lock:
            if not self._scorer:
                properties = dict(self._settings["score"]["properties"])
                # a step's cache goes out and in again: unrounded
                properties |= {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
                self._scorer = Scorer(Path(self._settings["folder"]), properties, self.info.vocab_size)
            return self._scorer

    def wait_until_ready(self, timeout: float | None = None) -> float:
        """Wait until the model is loaded; the seconds that it took. Raises EngineError where loading failed."""
        return self._running().wait_until_ready(timeout)

    @property
    def keeps_prompts(self) -> bool:
        return self._settings["generate"]["scheduler"]["enable_prefix_caching"]

    @property
    def is_ready(self) -> bool:
        """One that starts with its first request has nothing to wait for."""
        return self._worker is None or (self._worker.load_seconds is not None and self._worker.error is None)

    def revive(self) -> None:
        """One that died while it was being started is left dead until somebody needs it."""
        with contextlib.suppress(EngineError):  # closed
            self._running()

    @property
    def num_restarts(self) -> int:
        return self._num_restarts

    @property
    def pid(self) -> int:
        """The process that runs the model."""
        return self._running().pid

    def close(self) -> None:
        with self._lock:
            self._is_closed, self._scorer = True, None
            if self._worker:
                self._worker.close()
        if self._grammars:
            self._grammars.close()

    def check_grammar(self, grammar: Grammar | None) -> "Usable | None":
        return self._written(grammar)

    def judged(self, grammar: Grammar) -> "Usable | None":
        return self._grammars.judged(grammar) if self._grammars else None

    def _written(self, grammar: Grammar | None) -> "Usable | None":
        """It as the library takes it. Raises UsageError."""
        if not grammar:
            return None
        if not self._vocabulary:
            raise UsageError(
                tr(
                    "Answers cannot be constrained: the model's folder has no tokenizer of byte-level tokens.",
                    "无法约束回答：模型目录中没有字节级分词器。",
                )
            )
        with self._lock:
            if not self._grammars:
                from zhinao.engine.openvino.grammar import GrammarChecker

                self._grammars = GrammarChecker(self._vocabulary)
        return self._grammars.check(grammar)

    def _constrained(self, sampling: Sampling, grammar: "Usable") -> dict:
        """What differs from `_config`: where the grammar ends only a stop id may come, and without one text runs on."""
        known = [id for id in sampling.stop_ids if 0 <= id < self.info.vocab_size]
        return {
            "stop_ids": sorted(set(known)) or [self._vocabulary.stop_id],
            "ignore_eos": False,
            "min_new_tokens": 0,
            "grammar": grammar.text,
            "grammar_seconds": grammar.seconds,
        }

    def _check_memory(self, num_tokens: int) -> None:
        """Like a prompt over the context, but what is too small is the cache."""
        if self.info.num_context_tokens == self._num_cache_tokens < num_tokens:
            error = ContextLengthError(num_tokens, self._num_cache_tokens)
            error.hint = tr(
                "the cache is smaller than the model's context: give it more memory (cache_gb), or shorten the prompt",
                "缓存小于模型上下文：请增大 cache_gb，或缩短提示",
            )
            raise error

    def _running(self) -> WorkerProcess:
        """The live process. One that died while loading is tried again when it is next needed."""
        with self._lock:
            if self._is_closed:
                raise EngineError(tr("The engine is closed.", "引擎已关闭。"))
            if self._worker is None:
                self._worker = self._watched(WorkerProcess())
            elif self._worker.error:
                self._num_restarts += 1
                self._worker = self._watched(WorkerProcess())
            return self._worker

    def _restart(self, dead: WorkerProcess) -> None:
        """Called when the process ended unasked. One that never got ready would end again, so it is left."""
        with self._lock:
            if dead is self._worker and dead.load_seconds is not None and not self._is_closed:
                self._num_restarts += 1
                self._worker = self._watched(WorkerProcess())

    def _renew_if_idle(self) -> None:
        with self._lock:
            if self._worker and self._kept.is_enough and self._worker.is_idle and not self._is_closed:
                self._worker.close()
                self._worker = self._watched(WorkerProcess())

    def _watched(self, worker: WorkerProcess) -> WorkerProcess:
        worker.on_death, self._kept = self._restart, KeptGrammars()
        worker.load(self._settings)
        return worker


class _OpenVINOGeneration(Generation):
    def __init__(self, worker: WorkerProcess, prompt_ids: list[int], config: dict):
        self.num_prompt_tokens = len(prompt_ids)
        self._worker, self._has_logprobs = worker, bool(config["logprobs"])
        self._number, self._answers = worker.request("generate", ids=prompt_ids, config=config)
        self._is_cancelled = False
        self._chunks = self._run()

    def __iter__(self) -> Iterator[Chunk]:
        return self._chunks

    def cancel(self) -> None:
        self._is_cancelled = True
        self._worker.cancel(self._number)
        self._answers.put([(), (), CANCELLED])

    def listen(self, hear: Callable[[Chunk | EngineError], None]) -> None:
        self._answers.tell(lambda answer: hear(self._chunk_of(answer)))

    def __del__(self):
        if hasattr(self, "_answers"):  # nobody listens any more
            self._worker.cancel(self._number)

    def _run(self) -> Iterator[Chunk]:
        chunk = None
        while chunk is None or not chunk.finish:
            chunk = self._chunk_of(self._answers.get())
            if isinstance(chunk, EngineError):
                raise chunk
            yield chunk

    def _chunk_of(self, answer) -> Chunk | EngineError:
        if self._is_cancelled:  # what was still under way is not wanted any more
            return Chunk((), () if self._has_logprobs else None, CANCELLED)
        if isinstance(answer := _checked(answer), EngineError):
            return answer
        ids, logprobs, finish = answer
        return Chunk(tuple(ids), tuple(logprobs) if self._has_logprobs else None, finish)


def _checked(answer: list | EngineError) -> list | EngineError:
    if isinstance(answer, EngineError) or answer[2] not in ("cache", "slow"):
        return answer
    if answer[2] == "slow":
        return SlowGrammarError()
    return EngineError(tr("The cache is full.", "缓存已满。"), tr("give it more memory (cache_gb)", "请增大 cache_gb"))


def _next(answers: Answers, is_left: Callable[[], bool]) -> list:
    answer = None
    while answer is None:
        if is_left():
            raise EngineError(tr("Nobody waits for it any more.", "已无人等待结果。"))
        answer = answers.get(_LOOK_SECONDS)
    if isinstance(answer := _checked(answer), EngineError):
        raise answer
    return answer


def _config(sampling: Sampling, num_tokens: int, vocab_size: int) -> dict:
    """GenAI's GenerationConfig. Left alone, it would stop at its own eos id and draw every request with seed 0.

    It holds float32 and refuses the ends of some ranges, hence the bounds.
    """
    stop_ids = [] if sampling.ignore_eos else sorted(set(sampling.stop_ids))
    values = {
        "stop_ids": stop_ids,
        "ignore_eos": not stop_ids,
        "max_new_tokens": num_tokens,
        "min_new_tokens": min(sampling.min_tokens, num_tokens),
        "logprobs": int(sampling.logprobs),
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repetition_penalty": max(sampling.repetition_penalty, _SMALLEST),
        "do_sample": sampling.temperature >= _SMALLEST,
    }
    if values["do_sample"]:
        values |= {
            "temperature": sampling.temperature,
            "top_p": max(sampling.top_p, _SMALLEST),
            "min_p": min(sampling.min_p, 1 - _SMALLEST),
            "rng_seed": int.from_bytes(os.urandom(4), "little") if sampling.seed is None else sampling.seed,
        }
        if sampling.top_k > 0:
            values["top_k"] = min(sampling.top_k, vocab_size)
    return values
