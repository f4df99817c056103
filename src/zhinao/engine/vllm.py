"""Offline generation through vLLM, where it is installed: many requests at once, on whatever device vLLM is built for.

Takes folders in the Qwen2 and Llama layouts, and in Zhinao's through the plugin (`serve/vllm`). vLLM's engine is
asynchronous; its event loop has a thread here, and each request a queue.
"""

import asyncio
import importlib.metadata
import importlib.util
import itertools
import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from zhinao.engine.base import CANCELLED, LENGTH, STOP, Chunk, Engine, EngineInfo, Generation, Sampling
from zhinao.errors import EngineError, MissingExtraError, UsageError
from zhinao.lang import tr
from zhinao.model import architecture
from zhinao.model.architecture import Architecture
from zhinao.model.checkpoint import Checkpoint

DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
_FINISH = {"stop": STOP, "length": LENGTH, "abort": CANCELLED}


class VLLMEngine(Engine):
    """One vLLM engine; its core is a process of its own. Requests run together, in whatever thread they are read."""

    def __init__(self, engine, loop: asyncio.AbstractEventLoop):
        self._engine, self._loop = engine, loop
        self._numbers = itertools.count()
        config = engine.model_config
        dtype = str(config.dtype).removeprefix("torch.")
        self.info = EngineInfo(
            engine="vllm",
            device=_platform(),
            precision={name: short for short, name in DTYPES.items()}.get(dtype, dtype),
            vocab_size=config.get_vocab_size(),
            num_context_tokens=config.max_model_len,
        )

    @classmethod
    def load(cls, folder: Path, device: str = "auto", dtype: str | None = None, **settings) -> "VLLMEngine":
        """Start vLLM on a checkpoint folder. `dtype` is `f32`, `bf16`, `f16`, or None for the checkpoint's own.

        `settings` are vLLM's engine arguments (`max_model_len`, `tensor_parallel_size`, …).
        Raises MissingExtraError, CheckpointError, UsageError, and EngineError with vLLM's reason where it cannot start.
        """
        if importlib.util.find_spec("vllm") is None:
            raise MissingExtraError("vLLM", "vllm")
        Checkpoint(Path(folder))
        check_layout(folder)
        if dtype is not None and dtype not in DTYPES:
            allowed = ", ".join(DTYPES)
            raise UsageError(tr(f"dtype is {dtype!r}; allowed: {allowed}.", f"dtype 为 {dtype!r}，可用：{allowed}。"))
        # Before vLLM is imported: it would report usage to its makers, and log every step of its start.
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        if device not in ("auto", _platform()):
            raise UsageError(
                tr(
                    f"This vLLM is built for {_platform()!r}; the device asked for is {device!r}.",
                    f"此 vLLM 只支持 {_platform()!r}，而要求的设备是 {device!r}。",
                )
            )
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="vllm-loop", daemon=True).start()
        try:
            engine = asyncio.run_coroutine_threadsafe(_start(folder, dtype, settings), loop).result()
        except (RuntimeError, ValueError, AssertionError) as error:
            loop.call_soon_threadsafe(loop.stop)
            raise EngineError(
                tr(f"vLLM could not start: {error}", f"vLLM 无法启动：{error}"),
                tr("set VLLM_LOGGING_LEVEL=INFO to see its log", "设置 VLLM_LOGGING_LEVEL=INFO 可查看日志"),
            ) from None
        return cls(engine, loop)

    def generate(self, prompt_ids: list[int], sampling: Sampling) -> Generation:
        self._check_open()
        self.check_grammar(sampling.grammar)
        params = _params(sampling, self.check_prompt(prompt_ids, sampling))
        return _VLLMGeneration(self._engine, self._loop, str(next(self._numbers)), list(prompt_ids), params)

    def score(self, prompt_ids: list[int], is_left: Callable[[], bool] = lambda: False) -> list[float]:
        self._check_open()
        self.check_score(prompt_ids)
        if len(prompt_ids) == 1:
            return []
        # vLLM always generates a token; made to be the prompt's last one, it lets a prompt fill the whole context.
        from vllm import SamplingParams

        *before, last = prompt_ids
        params = SamplingParams(
            max_tokens=1, temperature=0, prompt_logprobs=0, logprobs=0, allowed_token_ids=[last], detokenize=False
        )
        outputs = list(_Stream(self._engine, self._loop, str(next(self._numbers)), before, params))
        of_prompt = next(out.prompt_logprobs for out in outputs if out.prompt_logprobs)
        scores = [entry[token].logprob for entry, token in zip(of_prompt[1:], before[1:], strict=True)]
        return [*scores, outputs[-1].outputs[0].logprobs[0][last].logprob]

    def close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            asyncio.run_coroutine_threadsafe(_stop(engine), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _check_open(self) -> None:
        if self._engine is None:
            raise EngineError(tr("The engine is closed.", "引擎已关闭。"))


class _VLLMGeneration(Generation):
    """Starts at once; what it made waits in a queue until it is read."""

    def __init__(self, engine, loop, name: str, prompt_ids: list[int], params):
        self.num_prompt_tokens = len(prompt_ids)
        self._has_logprobs = params.logprobs is not None
        self._stream = _Stream(engine, loop, name, prompt_ids, params)
        self._chunks = self._run()

    def __iter__(self) -> Iterator[Chunk]:
        return self._chunks

    def _run(self) -> Iterator[Chunk]:
        for out in self._stream:
            made = out.outputs[0]
            ids = tuple(made.token_ids)
            logprobs = None
            if self._has_logprobs:
                logprobs = tuple(at[i].logprob for at, i in zip(made.logprobs or (), ids, strict=True))
            finish = _FINISH.get(made.finish_reason) if out.finished else None
            yield Chunk(ids, logprobs, finish)
            if finish:
                return
        yield Chunk((), () if self._has_logprobs else None, CANCELLED)

    def cancel(self) -> None:
        self._stream.cancel()


class _Stream:
    """vLLM's outputs of one request, carried from its event loop to the thread that iterates."""

    _END = object()

    def __init__(self, engine, loop, name: str, prompt_ids: list[int], params):
        self._outputs: queue.SimpleQueue = queue.SimpleQueue()
        self._task = asyncio.run_coroutine_threadsafe(self._pump(engine, name, prompt_ids, params), loop)
        self._task.add_done_callback(lambda _: self._outputs.put(self._END))

    async def _pump(self, engine, name, prompt_ids, params) -> None:
        try:
            async for out in engine.generate({"prompt_token_ids": prompt_ids}, params, name):
                self._outputs.put(out)
        except Exception as error:  # whatever ended it is told to the reader, in another thread
            self._outputs.put(error)

    def __iter__(self):
        while (out := self._outputs.get()) is not self._END:
            if isinstance(out, Exception):
                raise EngineError(tr(f"vLLM failed: {out}", f"vLLM 出错：{out}")) from out
            yield out

    def cancel(self) -> None:
        self._task.cancel()


async def _start(folder: Path, dtype: str | None, settings: dict):
    from vllm import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    # Compiling pays on a GPU only: on a CPU it takes minutes before the first token.
    overrides = architecture.overrides(Checkpoint(folder).architecture.raw)
    args = {"enforce_eager": _platform() == "cpu", "hf_overrides": overrides, **settings}
    return AsyncLLM.from_engine_args(
        AsyncEngineArgs(
            model=str(folder),
            skip_tokenizer_init=True,
            dtype=DTYPES.get(dtype, "auto"),
            generation_config="vllm",
            **args,
        )
    )


async def _stop(engine) -> None:
    engine.shutdown()  # in its own loop, so that its output task ends with it and not after it


def _params(sampling: Sampling, num_tokens: int):
    """Raises UsageError for a value that vLLM refuses."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    try:
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            presence_penalty=sampling.presence_penalty,
            frequency_penalty=sampling.frequency_penalty,
            repetition_penalty=sampling.repetition_penalty,
            seed=sampling.seed,
            max_tokens=num_tokens,
            min_tokens=min(sampling.min_tokens, num_tokens),
            stop_token_ids=[] if sampling.ignore_eos else list(sampling.stop_ids),
            ignore_eos=True,  # the ends are those of `stop_ids`, whatever the folder says
            logprobs=0 if sampling.logprobs else None,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
        )
    except ValueError as error:
        raise UsageError(tr(f"vLLM refuses a setting: {error}", f"vLLM 拒绝了一个设置：{error}")) from None


def check_layout(folder: Path) -> None:
    """Raises CheckpointError for a bad config.json, UsageError for a model that vLLM does not know or would misread. The weights
    may be absent."""
    arch = architecture.read(Path(folder))
    if arch.family == "zhinao" and not has_plugin():
        raise UsageError(
            tr(
                f"{folder}: vLLM does not know the Zhinao layout: the plugin of an installed zhinao is not there.",
                f"{folder}：vLLM 不识别 Zhinao 格式：找不到已安装的 zhinao 所带的插件。",
            ),
            f"pip install zhinao, or: zhinao convert {folder} --to qwen2 OUT",
        )
    check_head_dim(arch, folder)


def has_plugin() -> bool:
    """Whether vLLM's processes will find Zhinao's plugin: an entry point, which only an installed package has."""
    return any(entry.name == "zhinao" for entry in importlib.metadata.entry_points(group="vllm.general_plugins"))


def check_head_dim(arch: Architecture, folder: Path) -> None:
    """Raise UsageError for a head size that vLLM's Qwen2 does not read: it would take wrong rows without a word."""
    if arch.family != "llama" and arch.head_dim * arch.num_heads != arch.hidden_size:
        raise UsageError(
            tr(
                f"{folder}: vLLM reads this model as if head_dim were hidden_size / num_attention_heads"
                f" = {arch.hidden_size // arch.num_heads}; here it is {arch.head_dim}.",
                f"{folder}：vLLM 对此模型固定取 head_dim = hidden_size / num_attention_heads"
                f" = {arch.hidden_size // arch.num_heads}，而此处为 {arch.head_dim}。",
            ),
            tr(
                "take another engine, for example `--engine transformers`",
                "请使用其他引擎，例如 `--engine transformers`",
            ),
        )


def _platform() -> str:
    from vllm.platforms import current_platform

    return current_platform.device_type
