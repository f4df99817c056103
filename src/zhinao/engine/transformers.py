"""The reference engine: transformers on any torch device, one request at a time, float32 on a CPU unless asked otherwise.

Loads Zhinao, Qwen2 and Llama folders. Made to be plain and right rather than fast; other engines are measured by it.
"""

import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zhinao import machine
from zhinao.engine.base import CANCELLED, LENGTH, STOP, Chunk, Engine, EngineInfo, Generation, Sampling
from zhinao.errors import CheckpointError, EngineError, MissingExtraError, UsageError
from zhinao.lang import tr
from zhinao.model.checkpoint import Checkpoint, refuse_adapter

if TYPE_CHECKING:
    from zhinao.engine.prefix_tree import Heads, Step

DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
_PREFILL_TOKENS = 512  # long prompts go in pieces: less memory, and a cancelled one ends soon
_SCORE_TOKENS = 128  # logits of that many tokens are held at once
_TREE_TOKENS = 256  # of one step through a tree of requests
_LOGITS_BYTES = 2**27  # of such a step


class TransformersEngine(Engine):
    """One model in this process. `generate` may be called from several threads; steps take turns."""

    def __init__(self, model, num_context_tokens: int, dtype: str | None = None):
        """dtype: of the weights, where it is not what is computed in."""
        self._model = model
        self._lock = threading.Lock()
        names = {name: short for short, name in DTYPES.items()}
        dtype = dtype or str(model.dtype).removeprefix("torch.")
        self.info = EngineInfo(
            engine="transformers",
            device=str(model.device),
            precision=names.get(dtype, dtype),
            vocab_size=model.config.vocab_size,
            num_context_tokens=num_context_tokens,
        )

    @classmethod
    def load(cls, folder: Path, device: str = "auto", dtype: str | None = None) -> "TransformersEngine":
        """Read a checkpoint folder. `dtype` is `f32`, `bf16`, `f16`; None is f32 on a CPU, else the checkpoint's own.

        bf16 on a processor without such products: weights are rounded to it, and float32 is computed in.

        Raises MissingExtraError without torch, CheckpointError for a bad folder, UsageError for a bad device or dtype.
        """
        for package in ("torch", "transformers"):
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError(package, "torch")
        checkpoint = Checkpoint(Path(folder))
        refuse_adapter(Path(folder))
        where = _device(device)
        if dtype is not None and dtype not in DTYPES and dtype not in DTYPES.values():
            raise UsageError(
                tr(
                    f"dtype is {dtype!r}; allowed: {', '.join(DTYPES)}.",
                    f"dtype 为 {dtype!r}，可用：{'、'.join(DTYPES)}。",
                )
            )
        if dtype is None:
            dtype = "f32" if where == "cpu" else "auto"
        from transformers import AutoModelForCausalLM

        with _quiet():
            try:
                model = AutoModelForCausalLM.from_pretrained(
                    folder, dtype=DTYPES.get(dtype, dtype), local_files_only=True
                ).to(where)
            except OSError as error:  # transformers takes fewer file names than `convert` does
                raise CheckpointError(
                    tr(
                        f"{folder}: transformers cannot load it ({str(error).splitlines()[0]})",
                        f"{folder}：transformers 无法加载（{str(error).splitlines()[0]}）",
                    ),
                    tr("`zhinao convert` rewrites it with the usual names", "用 `zhinao convert` 改写为通用的文件名"),
                ) from None
        weights = str(model.dtype).removeprefix("torch.")
        if where == "cpu" and weights == "bfloat16" and not machine.has_bf16():
            model = model.float()  # the same weights; torch would imitate products of bf16, many times slower
        return cls(model.eval(), checkpoint.architecture.num_context_tokens, weights)

    def generate(self, prompt_ids: list[int], sampling: Sampling) -> Generation:
        self._check_open()
        self.check_grammar(sampling.grammar)
        return _TorchGeneration(self, list(prompt_ids), sampling, self.check_prompt(prompt_ids, sampling))

    def score(self, prompt_ids: list[int], is_left: Callable[[], bool] = lambda: False) -> list[float]:
        self._check_open()
        self.check_score(prompt_ids)
        import torch

        scores, cache = [], None
        for start in range(0, len(prompt_ids) - 1, _SCORE_TOKENS):
            targets = prompt_ids[start + 1 : start + 1 + _SCORE_TOKENS]
            logits, cache = self.step(prompt_ids[start : start + len(targets)], cache, num_logits=len(targets))
            logits = logits.float()
            chosen = logits[torch.arange(len(targets)), torch.tensor(targets, device=logits.device)]
            scores += (chosen - logits.logsumexp(-1)).tolist()
        return scores

    def score_many(self, requests, progress=None):
        """See `Engine`. What requests share is computed once (`engine/prefix_tree.py`)."""
        self._check_open()
        self.check_score_many(requests, num_unread=1)
        from zhinao.engine import prefix_tree

        num_rows = max(1, min(_TREE_TOKENS, _LOGITS_BYTES // (4 * self.info.vocab_size)))
        runner = _TreeRunner(self)
        return prefix_tree.score(requests, runner, num_tokens=_TREE_TOKENS, num_rows=num_rows, progress=progress)

    def step(self, ids: list[int], cache, num_logits: int = 1):
        """Feed `ids` after what `cache` holds (None at the start). Returns logits `(num_logits, V)` and the cache."""
        logits, cache = self.run(ids, cache, logits_to_keep=num_logits)
        return self._checked(logits), cache

    def run(self, ids, cache, **inputs):
        """One run of the model, as `step`; `inputs` are the model's own."""
        import torch

        try:
            with self._lock, torch.inference_mode():
                model = self._check_open()
                out = model(
                    input_ids=torch.tensor([ids], device=model.device),
                    past_key_values=cache,
                    use_cache=True,
                    **inputs,
                )
        except torch.OutOfMemoryError as error:
            raise EngineError(
                tr(f"The device's memory is full ({error}).", f"设备内存不足（{error}）。"),
                tr("take a shorter prompt or a smaller precision", "请缩短提示，或使用更低的精度"),
            ) from None
        return out.logits[0], out.past_key_values

    def _checked(self, logits):
        if logits[-1].isnan().any():
            raise EngineError(
                tr("The model answered with numbers that are none (NaN).", "模型输出了非数值（NaN）。"),
                tr("load it with dtype='f32'", "请用 dtype='f32' 加载"),
            )
        return logits

    def close(self) -> None:
        with self._lock:
            self._model = None

    def _check_open(self):
        if self._model is None:
            raise EngineError(tr("The engine is closed.", "引擎已关闭。"))
        return self._model


class _TreeRunner:
    """Runs the steps of a tree of requests, and keeps what they left in the cache."""

    def __init__(self, engine: TransformersEngine):
        self._engine, self._cache = engine, None

    def __call__(self, step: "Step") -> "Heads":
        import torch

        from zhinao.engine.prefix_tree import Heads

        device = self._engine.info.device
        self._forget_but(step.keep)
        rows = torch.from_numpy(step.rows if len(step.rows) else np.zeros(1, np.int64)).to(device)
        logits, self._cache = self._engine.run(
            step.ids.tolist(),
            self._cache,
            attention_mask=torch.from_numpy(step.mask[None, None]).to(device),
            position_ids=torch.from_numpy(step.positions[None].astype(np.int64)).to(device),
            logits_to_keep=rows,
        )
        logits = self._engine._checked(logits.float())
        row, target = torch.from_numpy(step.pairs.astype(np.int64).T).to(device)
        found = logits[row, target], logits.amax(-1), logits.logsumexp(-1)
        return Heads(*(values.cpu().numpy() for values in found))

    def _forget_but(self, keep: np.ndarray) -> None:
        if not len(keep):
            self._cache = None
        if self._cache is None or len(keep) == self._cache.get_seq_length():
            return
        import torch

        for layer in self._cache.layers:
            where = torch.from_numpy(keep).to(layer.keys.device)
            layer.keys, layer.values = layer.keys[:, :, where], layer.values[:, :, where]


class _TorchGeneration(Generation):
    """Runs in the thread that iterates it."""

    def __init__(self, engine: TransformersEngine, prompt_ids: list[int], sampling: Sampling, num_tokens: int):
        self.num_prompt_tokens = len(prompt_ids)
        self._is_cancelled = threading.Event()
        self._chunks = self._run(engine, prompt_ids, sampling, num_tokens)

    def __iter__(self) -> Iterator[Chunk]:
        return self._chunks

    def cancel(self) -> None:
        self._is_cancelled.set()

    def _run(self, engine, prompt_ids, sampling, num_tokens) -> Iterator[Chunk]:
        from zhinao.engine.torch_sampler import Sampler

        sampler, logits, cache = None, None, None
        pieces = [prompt_ids[n : n + _PREFILL_TOKENS] for n in range(0, len(prompt_ids), _PREFILL_TOKENS)]
        for piece in pieces:
            if self._is_cancelled.is_set():
                break
            logits, cache = engine.step(piece, cache)
        for left in range(num_tokens - 1, -1, -1):
            if self._is_cancelled.is_set():
                break
            sampler = sampler or Sampler(sampling, prompt_ids, logits.shape[-1], logits.device)
            token, logprob = sampler.next(logits[-1])
            logprobs = (logprob,) if sampling.logprobs else None
            is_stop = token in sampling.stop_ids and not sampling.ignore_eos
            finish = STOP if is_stop else LENGTH if left == 0 else None
            yield Chunk((token,), logprobs, finish)
            if finish:
                return
            logits, cache = engine.step([token], cache)
        yield Chunk((), () if sampling.logprobs else None, CANCELLED)


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            tr(f"Device {name!r} cannot be used: {reason}", f"无法使用设备 {name!r}：{reason}"),
            tr("`zhinao doctor` shows what this machine has", "用 `zhinao doctor` 查看本机设备"),
        ) from None
    return name


@contextmanager
def _quiet():
    """Loading without transformers' progress bars, which are left as they were."""
    from transformers.utils import logging

    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()
