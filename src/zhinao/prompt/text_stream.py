"""Ids to shown text while they arrive: whole characters, then thought and answer, then stop strings, exact, in the answer.

Control tokens are never shown; the tags of thoughts and tool calls, where they are control tokens, pass as text for those
who look for them.
"""

from zhinao.errors import UsageError
from zhinao.family import TOOL_CLOSE, TOOL_OPEN
from zhinao.lang import tr
from zhinao.prompt.guard import THINKING
from zhinao.prompt.thinking import ANSWER, RECLASSIFY, FrameTrimmer, Piece, ThoughtSplitter


class StopStrings:
    """Cuts a text before the first stop string that is complete, character by character exact and wherever it is split.

    Text is held back only while it may still become a stop string.
    """

    def __init__(self, stops: tuple[str, ...] = ()):
        if not all(isinstance(stop, str) and stop for stop in stops):
            raise UsageError(
                tr(
                    f"stop is {list(stops)!r}; allowed: text that is not empty, or a list of it.",
                    f"stop 为 {list(stops)!r}，只能是非空文本或其列表。",
                )
            )
        self.matched: str | None = None
        self._stops = stops
        self._held = ""

    def feed(self, text: str) -> str:
        """What may be shown now; nothing after a match."""
        if not self._stops or self.matched is not None:
            return "" if self._stops else text
        self._held += text
        found = [(at + len(stop), at, stop) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            _, at, self.matched = min(found)
            ready, self._held = self._held[:at], ""
            return ready
        size = max(_overlap(self._held, stop) for stop in self._stops)
        ready, self._held = self._held[: len(self._held) - size], self._held[len(self._held) - size :]
        return ready

    def finish(self) -> str:
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a true beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if stop.startswith(text[-n:])), 0)


class TextStream:
    """One reply's ids on their way to people. `matched` is the stop string that ended it, or None."""

    def __init__(
        self, tokenizer, *, stops: tuple[str, ...] = (), stop_ids=(), is_open=False, thinks=False, splits_thought=True
    ):
        control = tokenizer.control_tokens
        markers = {control[marker] for marker in (*THINKING, TOOL_OPEN, TOOL_CLOSE) if marker in control}
        hidden = {number for number in control.values() if not tokenizer.decode([number], skip_control=True)}
        self._hidden = (hidden - markers) | set(stop_ids)
        self._tokenizer = tokenizer
        self._decoder = tokenizer.stream(skip_control=False)
        self._splits_thought = splits_thought
        self._stops = StopStrings(stops)
        self._trimmer = FrameTrimmer()
        self.splitter = ThoughtSplitter(is_open, thinks)

    @property
    def matched(self) -> str | None:
        return self._stops.matched

    def feed(self, ids) -> list[Piece]:
        """Pieces that are certain now."""
        return self._cut(self._split(self._decoder.feed([number for number in ids if number not in self._hidden])))

    def add(self, text: str) -> list[Piece]:
        """Pieces of text that was put into the output by us (the sentence that closes a thought); stop strings ignore it."""
        return self._split(text)

    def drop_half_character(self) -> None:
        """Forget bytes that have not made a character yet."""
        self._decoder = self._tokenizer.stream(skip_control=False)

    def finish(self, is_cut: bool = False) -> list[Piece]:
        """The rest; to be called once, at the end. `is_cut`: a length ended it, and half a character is not shown."""
        rest = self._decoder.flush()
        pieces = self._split(rest.rstrip("\ufffd") if is_cut else rest)
        pieces += self._trimmer.feed(self.splitter.finish(), self.splitter.is_closed)
        pieces = self._cut(pieces)
        held = "" if self.matched else self._stops.finish()
        return [*pieces, Piece(ANSWER, held)] if held else pieces

    def _split(self, text: str) -> list[Piece]:
        if not self._splits_thought:
            return [Piece(ANSWER, text)] if text else []
        return self._trimmer.feed(self.splitter.feed(text), self.splitter.is_closed)

    def _cut(self, pieces: list[Piece]) -> list[Piece]:
        """Up to a stop string of the answer; in a thought there are none."""
        shown: list[Piece] = []
        for piece in pieces:
            if self.matched is not None:
                break
            text = piece.text
            if piece.kind == ANSWER:
                text = self._stops.feed(text)
            elif piece.kind == RECLASSIFY and (held := self._stops.finish()):
                shown.append(Piece(ANSWER, held))
            shown += [Piece(piece.kind, text)] if text or piece.kind == RECLASSIFY else []
        return shown
