"""An engine of ours as a backend: the embedded one, transformers, vLLM. Loads by `api.load`."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from zhinao import api
from zhinao.api.reply import UNFINISHED
from zhinao.errors import ContextLengthError, UsageError, ZhinaoError
from zhinao.evaluate.backend import pool
from zhinao.evaluate.backend.base import Ask, Backend, Output, Text
from zhinao.lang import tr

AT_ONCE = {"transformers": 1}
_AT_ONCE = 16
# What a checkpoint recommends is no part of a protocol.
PLAIN = {
    "temperature": 0.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}


class LocalBackend(Backend):
    """`model`: an `api.Model`. Texts are plain text: what looks like a control token in them is none."""

    def __init__(self, model, weights: str = ""):
        """`weights`: what tells checkpoints of one name apart."""
        self.model = model
        info = model.engine.info
        self.name = model.name
        self.identity = {"model": model.name, "engine": info.engine, "precision": info.precision, "weights": weights}

    @classmethod
    def load(cls, model: str, *, quant: str | None = None, **settings) -> "LocalBackend":
        """Weights as they are where nobody says otherwise: a score is the model's, not its int8 copy's. Raises what `api.load` raises."""
        if quant is None and settings.get("engine", "auto") in ("auto", "openvino"):
            quant = "bf16"
        loaded = api.load(model, quant=quant, is_for_many=True, is_lazy=True, **settings)
        return cls(loaded, fingerprint(loaded.folder))

    def loglikelihoods(self, texts: Sequence[Text]) -> Iterator[tuple[int, tuple[float, ...] | ZhinaoError]]:
        most = self.model.engine.info.num_context_tokens
        asked, places = [], []
        for index, text in enumerate(texts):
            ids, start = self._split(text)
            if len(ids) > most:
                yield index, ContextLengthError(len(ids), most)
            elif len(ids) <= start:
                yield index, ()
            else:
                asked.append((ids, start))
                places.append(index)
        for number, logprobs, _ in self.model.engine.score_many(asked) if asked else ():
            yield places[number], logprobs

    def generate(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Output | ZhinaoError]]:
        yield from pool.each(self._answer, asks, AT_ONCE.get(self.identity["engine"], _AT_ONCE))

    def num_tokens(self, text: str) -> int:
        return len(self.model.tokenizer.encode(text))

    def close(self) -> None:
        self.model.close()

    def _split(self, text: Text) -> tuple[list[int], int]:
        """All ids, and the first that is asked. A token over the border belongs to what is asked."""
        ids = self.model.tokenizer.encode(text.text)
        if not text.given:
            return ids, 1
        before = self.model.tokenizer.encode(text.text[: text.given])
        same = next(
            (n for n, (a, b) in enumerate(zip(before, ids, strict=False)) if a != b), min(len(before), len(ids))
        )
        return ids, max(1, same)

    def _answer(self, ask: Ask, is_over: Callable[[], bool]) -> Output:
        """A protocol's length may be longer than a small model's context: the engine ends where that does."""
        settings = {**PLAIN, **ask.sampling, "max_tokens": ask.max_tokens, "stop": list(ask.stop) or None}
        if isinstance(ask.prompt, str):
            stream = self.model.stream_text(ask.prompt, **settings)
        else:
            stream = self.model.stream([dict(message) for message in ask.prompt], **settings)
        with stream:
            for _ in stream:
                if is_over():
                    stream.cancel()
        reply = stream.reply
        is_open = reply.thought_end == UNFINISHED
        return Output(reply.content, len(reply.ids), reply.finish_reason, reply.reasoning_content, is_open)


def fingerprint(folder: Path) -> str:
    """Of a checkpoint's weights by name, size and 64 pieces of each file: enough to tell a trained one from what it came from."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size} ".encode())
        with open(file, "rb") as opened:
            for piece in range(64):
                opened.seek(size * piece // 64)
                digest.update(opened.read(1024))
    return digest.hexdigest()[:16]


def check_chat(model, name: str) -> None:
    """Raises UsageError where tasks want a chat template and the checkpoint has none."""
    if not model.tokenizer.chat_template:
        raise UsageError(
            tr(
                f"{name} asks in messages, and {model.name} has no chat template.",
                f"{name} 以对话提问，而 {model.name} 没有对话模板。",
            ),
            tr("take the Instruct model, or a base model's tasks", "请使用 Instruct 模型，或基础模型的任务"),
        )
