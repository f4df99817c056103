"""A reply as it appears in the terminal: the thought dim and folded, the answer as Markdown. Decides nothing about turns."""

import queue
import threading
import time
from collections.abc import Iterator

from rich.console import Console, Group
from rich.text import Text

from zhinao.api.reply import ANSWER_NOW, NOTE, UNFINISHED, Event, Reply
from zhinao.api.stream import ReplyStream
from zhinao.chat.blocks import BlockSplitter, harmless
from zhinao.chat.keyboard import steering, without_echo
from zhinao.chat.live_region import FRAMES_PER_SECOND, LiveRegion
from zhinao.chat.markdown import markdown
from zhinao.engine.base import CANCELLED, LENGTH
from zhinao.errors import ZhinaoError
from zhinao.lang import tr
from zhinao.prompt.thinking import RECLASSIFY, THOUGHT

SHOW, FOLD, HIDE = "show", "fold", "hide"
_PREVIEW_LINES = 5
_DIM = "dim"
_TICK = 0.25  # seconds between frames while nothing comes


class TurnView:
    """`mode`: `show` prints the thought for good; `fold` shows its end while it runs, `hide` only its length; then one line stays."""

    def __init__(self, mode: str = FOLD, console: Console | None = None):
        self.mode = mode
        self.console = console or Console(highlight=False)

    def show(self, stream: ReplyStream) -> Reply:
        """Draw the reply until it ends; Ctrl-C steers it. Raises EngineError; what is drawn then stays."""
        drawing = _Drawing(self.console, self.mode, stream)
        try:
            with without_echo(), steering(stream):
                drawing.draw()
                for events in _batches(stream):
                    for event in events:
                        drawing.take(event.kind, harmless(event.text))
                    drawing.draw()
        finally:
            drawing.finish(stream.reply)
        return stream.result()


def _batches(stream: ReplyStream) -> Iterator[list[Event]]:
    """What came since the last frame; an empty list now and then, so that clocks go on. Raises what the reply raises.

    The reply is read in a thread of its own: drawing never holds it up, and Ctrl-C finds the main thread at rest.
    """
    arrived: queue.SimpleQueue = queue.SimpleQueue()

    def read() -> None:
        try:
            for event in stream:
                arrived.put(event)
        except ZhinaoError as error:
            arrived.put(error)
        finally:
            arrived.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while True:
            events = _waiting(arrived)
            yield [event for event in events if isinstance(event, Event)]
            for event in events:
                if isinstance(event, ZhinaoError):
                    raise event
                if event is None:
                    return
            time.sleep(1 / FRAMES_PER_SECOND)
    finally:
        if reader.is_alive():
            stream.cancel()
        reader.join()


def _waiting(arrived: queue.SimpleQueue) -> list:
    """Everything in the queue; waits a moment for the first."""
    found = []
    try:
        found.append(arrived.get(timeout=_TICK))
        while True:
            found.append(arrived.get_nowait())
    except queue.Empty:
        return found


class _Drawing:
    """One reply being drawn."""

    def __init__(self, console: Console, mode: str, stream: ReplyStream):
        self._stream = stream
        self._region, self._mode, self._width = LiveRegion(console), mode, console.width
        self._answer = BlockSplitter()
        self._thought = ""
        self._started = time.monotonic()
        self._is_thinking = self._has_answer = False

    def take(self, kind: str, text: str) -> None:
        """Note one event; what is finished by it is printed."""
        if kind == NOTE:
            self._region.print(Text(f"· {text}", style=_DIM))
        elif kind == RECLASSIFY:
            self._region.print(Text(tr("▴ this was the thought", "▴ 以上是思考过程"), style=_DIM))
            self._answer, self._has_answer = BlockSplitter(), False
        elif kind == THOUGHT:
            self._is_thinking, self._thought = True, self._thought + text
            if self._mode == SHOW and "\n" in text:
                self._print_thought_lines()
        else:
            if self._is_thinking:
                self._end_thought()
            self._answer.feed(text)

    def draw(self) -> None:
        """One frame of what is still growing."""
        if not self._region.is_due:
            return
        if self._is_thinking or self._stream.is_thinking:
            self._region.draw(self._thinking())
            return
        for block in self._answer.take():
            self._print_block(block)
        if self._answer.tail.strip():
            self._region.draw(self._spaced(self._answer.tail))
        elif not self._has_answer:
            self._region.draw(Text("…", style=_DIM))

    def _thinking(self):
        """The head line and, by the mode, the end of the thought."""
        head = tr(
            f"thinking {time.monotonic() - self._started:.0f} s · {self._stream.num_thought_tokens} tokens · Ctrl-C: answer now",
            f"思考中 {time.monotonic() - self._started:.0f} 秒 · {self._stream.num_thought_tokens} 个 token · Ctrl-C：立即回答",
        )
        if self._mode == HIDE:
            return Text(head, style=_DIM)
        tail = Text(self._thought[-_PREVIEW_LINES * self._width :], style=_DIM)
        lines = tail.wrap(self._region.console, max(self._width - 3, 1))[-_PREVIEW_LINES:]
        return Group(*(Text("│ ", style=_DIM).append_text(line) for line in lines), Text(head, style=_DIM))

    def _print_thought_lines(self) -> None:
        whole, _, self._thought = self._thought.rpartition("\n")
        self._region.print(Text(whole, style=_DIM))

    def _end_thought(self) -> None:
        seconds, num_tokens = time.monotonic() - self._started, self._stream.num_thought_tokens
        self._is_thinking = False
        if self._mode == SHOW and self._thought.strip():
            self._region.print(Text(self._thought.rstrip("\n"), style=_DIM))
        fold = "" if self._mode == SHOW else tr(" · /think show unfolds it", " · /think show 可展开")
        self._region.print(
            Text(
                tr(
                    f"▸ thought for {seconds:.1f} s · {num_tokens} tokens{fold}",
                    f"▸ 思考 {seconds:.1f} 秒 · {num_tokens} 个 token{fold}",
                ),
                style=_DIM,
            )
        )
        self._region.print(Text(""))

    def _print_block(self, block: str) -> None:
        self._region.print(self._spaced(block))
        self._has_answer = True

    def _spaced(self, block: str):
        """A block with the empty line that sets it apart from the one before."""
        return Group(Text(""), markdown(block)) if self._has_answer else markdown(block)

    def finish(self, reply: Reply | None) -> None:
        """Print what is still open for good, and how it ended where that needs a word."""
        if self._is_thinking:
            self._end_thought()
        for block in self._answer.take() + [self._answer.tail] * bool(self._answer.tail.strip()):
            self._print_block(block)
        self._region.clear()
        if reply and (sentence := ending(reply)):
            self._region.print(Text(f"· {sentence}", style=_DIM))


def ending(reply: Reply) -> str:
    """What to say about how a reply ended; empty where it ended as it should."""
    if reply.thought_end == UNFINISHED and reply.finish_reason == LENGTH:
        return tr(
            "the thought did not end, so there is no answer: /set max_tokens, or /think budget N",
            "思考没有结束，因此没有回答：可用 /set max_tokens 或 /think budget N",
        )
    if reply.finish_reason == LENGTH:
        return tr("stopped at the length limit", "因长度上限而停止")
    if reply.finish_reason == CANCELLED:
        return tr("stopped; /retry asks again", "已停止；/retry 可重新回答")
    return tr("thinking was cut short", "思考被提前结束") if reply.thought_end == ANSWER_NOW else ""
