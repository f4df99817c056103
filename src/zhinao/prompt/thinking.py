"""Thought and answer told apart while the text still arrives: a pure state machine. Knows neither ids nor stop strings.

A marker may be cut anywhere. A thought may start in the prompt (`is_open`), may lack its opening (all before `</think>` is then
reclassified) and may lack its end (it stays a thought and the answer stays empty). Only the first thought is split off.
"""

from dataclasses import dataclass

from zhinao.family import THINK_CLOSE, THINK_OPEN

THOUGHT, ANSWER, RECLASSIFY = "thought", "answer", "reclassify"
_START = "start"  # nothing but space so far: an opening marker may still come


@dataclass(frozen=True)
class Piece:
    """Text of one kind. RECLASSIFY has no text: every answer piece before it was in truth the thought."""

    kind: str
    text: str = ""


class ThoughtSplitter:
    """Feed it fragments; the pieces it returns, joined, are the text without its markers.

    `thinks`: the model is one that thinks, so that a `</think>` without an opening ends a thought. For other models it is text.
    """

    def __init__(self, is_open: bool = False, thinks: bool = True):
        self.state = _START
        self.is_closed = False
        self._thinks = thinks or is_open
        self._is_prompt_open = is_open
        self._held = ""

    @property
    def is_thinking(self) -> bool:
        return self.state == THOUGHT or (self.state == _START and self._is_prompt_open)

    @property
    def is_undecided(self) -> bool:
        """Nothing but space came so far, so that a thought may still begin."""
        return self.state == _START

    def feed(self, text: str) -> list[Piece]:
        """The pieces that are certain after `text`; what may be part of a marker is held back."""
        if self.is_closed or (self.state == ANSWER and not self._thinks):
            return [Piece(ANSWER, text)] if text else []
        self._held += text
        pieces = []
        if self.state == _START:
            pieces += self._begin()
        if self.state in (THOUGHT, ANSWER):
            pieces += self._look_for_close()
        return [piece for piece in pieces if piece.text or piece.kind == RECLASSIFY]

    def finish(self) -> list[Piece]:
        """The text that was held back; nothing more will come."""
        held, self._held = self._held, ""
        if self.state == _START:
            self.state = THOUGHT if self._is_prompt_open else ANSWER
        return [Piece(self.state, held)] if held else []

    def _begin(self) -> list[Piece]:
        start = self._held.lstrip()
        if start.startswith(THINK_OPEN):
            space = self._held[: len(self._held) - len(start)]
            self._held = start[len(THINK_OPEN) :]
            self.state = THOUGHT
            return [Piece(THOUGHT, space)]
        if start and not THINK_OPEN.startswith(start):
            self.state = THOUGHT if self._is_prompt_open else ANSWER
        return []

    def _look_for_close(self) -> list[Piece]:
        before, marker, after = self._held.partition(THINK_CLOSE)
        if marker and (self.state == THOUGHT or self._thinks):
            kind, self.state, self.is_closed, self._held = self.state, ANSWER, True, ""
            missing = [Piece(RECLASSIFY)] if kind == ANSWER else []
            return [*missing, Piece(THOUGHT, before), Piece(ANSWER, after)]
        size = _size_of_possible_marker(self._held) if self.state == THOUGHT or self._thinks else 0
        ready, self._held = self._held[: len(self._held) - size], self._held[len(self._held) - size :]
        return [Piece(self.state, ready)]


def _size_of_possible_marker(text: str) -> int:
    """Length of the longest end of `text` that `</think>` starts with."""
    longest = min(len(text), len(THINK_CLOSE) - 1)
    return next((size for size in range(longest, 0, -1) if THINK_CLOSE.startswith(text[-size:])), 0)


class FrameTrimmer:
    """Takes away the line breaks that frame a thought: after `<think>`, before and after `</think>`. Other text passes."""

    def __init__(self):
        self._has_thought = self._has_answer = False
        self._held = ""  # line breaks that are the thought's own only if more of it follows

    def feed(self, pieces: list[Piece], is_closed: bool) -> list[Piece]:
        """`is_closed`: a thought has ended by now (it may have been empty, so that no piece tells)."""
        trimmed = [Piece(piece.kind, self._trim(piece, is_closed)) for piece in pieces]
        return [piece for piece in trimmed if piece.text or piece.kind == RECLASSIFY]

    def _trim(self, piece: Piece, is_closed: bool) -> str:
        if piece.kind == RECLASSIFY:
            self._has_thought, self._has_answer = True, False
            return ""
        if piece.kind == THOUGHT:
            text = self._held + piece.text
            text = text if self._has_thought else text.lstrip("\n")
            kept = text.rstrip("\n")
            self._held = text[len(kept) :]
            self._has_thought = self._has_thought or bool(kept)
            return kept
        text = piece.text if self._has_answer or not is_closed else piece.text.lstrip("\n")
        self._has_answer = self._has_answer or bool(text)
        return text
