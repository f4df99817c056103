"""A loaded model that takes and gives text. The parts do the work: hub, tokenizer, engine, prompt; here they are joined."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from zhinao.api import options
from zhinao.api.reply import Reply, Score
from zhinao.api.stream import ReplyStream
from zhinao.engine.base import Engine
from zhinao.errors import UsageError
from zhinao.family import CHAT_TEMPLATE, THINK_CLOSE
from zhinao.lang import tr
from zhinao.prompt import conversation, history

COMPLETION_TOKENS = 1024  # `max_tokens` of a completion where none is given: a base model seldom ends by itself


def load(
    model: str,
    *,
    engine: str = "auto",
    quant: str | None = None,
    device: str = "auto",
    num_threads: int | None = None,
    cache_gb: float | None = None,
    is_for_many: bool = False,
    is_lazy: bool = False,
    offline: bool = False,
    source: str | None = None,
    revision: str | None = None,
    progress: Callable | None = None,
) -> "Model":
    """Load a folder, a GGUF file, a hub id or a short name. Close it, or use it as a context manager.

    `progress`: `callable(label, bytes done, bytes in all)`; None writes to stderr when something takes long.

    `is_for_many`: set the engine up for many requests at once, at some cost to a single one. `is_lazy`: what `score_many` of the
    engine does not need is loaded when it is first needed.

    Raises ModelNotFoundError, DownloadError, DiskError, CheckpointError, MissingExtraError, EngineError, UsageError.
    """
    from zhinao import engine as engines
    from zhinao import hub
    from zhinao.model import defaults
    from zhinao.model.tokenizer import Tokenizer

    local = hub.resolve(str(model), source=source, offline=offline, revision=revision, progress=progress)
    with ThreadPoolExecutor(1) as pool, _telling(local.path, progress) as tell:
        reading = pool.submit(Tokenizer.load, local.path)
        opened = engines.open(
            local.path,
            engine=engine,
            quant=quant,
            device=device,
            num_threads=num_threads,
            cache_gb=cache_gb,
            is_for_many=is_for_many,
            is_lazy=is_lazy,
            progress=tell,
        )  # in this thread, where Ctrl-C reaches it
        try:
            tokenizer = reading.result()
            found = defaults.read(local.path, tokenizer, local.release)
        except BaseException:
            opened.close()
            raise
    thinks = bool(local.release and local.release.thinks) or knows_thoughts(tokenizer)
    return Model(
        opened,
        tokenizer,
        local.name,
        stop_ids=found.stop_ids,
        sampling=found.sampling,
        sampling_source=found.sampling_source,
        thinks=thinks,
        languages=local.release.languages if local.release else (),
        folder=local.path,
    )


@contextlib.contextmanager
def _telling(folder: Path, reporter: Callable | None) -> Iterator[Callable[[float, str], None]]:
    """The engine's `(fraction, sentence)` for a reporter of downloads, which is made when there is something to tell."""
    from zhinao.progress import shown

    num_bytes = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    with contextlib.ExitStack() as stack:
        made: list[Callable] = []

        def tell(fraction: float, sentence: str) -> None:
            if not made:
                made.append(stack.enter_context(shown(reporter)))
            made[0](sentence, int(fraction * num_bytes), num_bytes)

        yield tell


def knows_thoughts(tokenizer) -> bool:
    """Whether the checkpoint itself speaks of thoughts. The template that we write ourselves says nothing about the model."""
    template = "".join([tokenizer.chat_template or "", *getattr(tokenizer, "named_templates", {}).values()])
    return THINK_CLOSE in tokenizer.control_tokens or (
        THINK_CLOSE in template and template.strip() != CHAT_TEMPLATE.strip()
    )


class Model:
    """Text in, text out. Requests may run at the same time where the engine can.

    `settings` of the methods: the fields of `engine.base.Sampling` (temperature, top_p, top_k, min_p, the three penalties, seed,
    max_tokens, min_tokens, ignore_eos, logprobs), `stop` (text or list of texts), `thinking_budget` (tokens), and for messages
    `tools`, `template_kwargs`, `continue_final`. What is not given comes from the checkpoint; `sampling_source` says from where.
    `languages`: what a released model was made for, as `("zh", "en")`; empty where nobody has told us. `folder`: of
    the checkpoint, None where it was not loaded from one.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizer,
        name: str,
        *,
        stop_ids=(),
        sampling: dict | None = None,
        sampling_source: str = "",
        thinks: bool = False,
        languages: tuple[str, ...] = (),
        folder: Path | None = None,
    ):
        self.engine, self.tokenizer, self.name, self.thinks = engine, tokenizer, name, thinks
        self.stop_ids, self.sampling, self.sampling_source = tuple(stop_ids), dict(sampling or {}), sampling_source
        self.languages, self.folder = tuple(languages), folder

    def render(self, messages, tokenizer=None, **prompt) -> conversation.Rendered:
        """Ids of a conversation as the model will read it (by its own `tokenizer`). Raises UsageError for bad messages."""
        return conversation.render(history.mended(messages), tokenizer or self.tokenizer, **prompt)

    def stream(self, messages, **settings) -> ReplyStream:
        """Start a reply; iterate it for its events. Raises UsageError, ContextLengthError before anything runs."""
        chosen = options.read(settings, self.sampling, self.stop_ids)
        prompt = self.render(messages, **chosen.prompt)
        how = {"is_open": prompt.opens_thought, "thinks": self.thinks, "may_call": bool(chosen.prompt.get("tools"))}
        return ReplyStream(self.engine, self.tokenizer, prompt.ids, chosen, **how)

    def chat(self, messages, **settings) -> Reply:
        """The reply to a conversation. Raises what `stream` raises, and EngineError."""
        return self.stream(messages, **settings).result()

    def stream_text(self, prompt: str | list[int], **settings) -> ReplyStream:
        """Start to continue a text (or ids) as it stands, without a chat format."""
        chosen = options.read(settings, {"max_tokens": COMPLETION_TOKENS, **self.sampling}, self.stop_ids)
        if chosen.prompt or chosen.thinking_budget is not None:
            names = ", ".join(name for name in (*chosen.prompt, "thinking_budget") if settings.get(name) is not None)
            raise UsageError(
                tr(f"A completion takes no {names}: it has no messages.", f"续写没有消息，不接受 {names}。")
            )
        ids = self.tokenizer.encode(prompt) if isinstance(prompt, str) else list(prompt)
        return ReplyStream(self.engine, self.tokenizer, ids, chosen, splits_thought=False)

    def generate(self, prompt: str | list[int], **settings) -> Reply:
        """Continue a text; `reply.text` is what comes after it. `max_tokens` is 1024 where not given."""
        return self.stream_text(prompt, **settings).result()

    def score(self, text: str | list[int]) -> Score:
        """Likelihood of each token of a text."""
        ids = self.tokenizer.encode(text) if isinstance(text, str) else list(text)
        return Score(tuple(ids), tuple(self.engine.score(ids)))

    def close(self) -> None:
        """Free the engine. May be called twice."""
        self.engine.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
