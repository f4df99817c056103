"""Thought and answer of a thinking model's output, as vLLM's parsers need them. Pure; needs neither vLLM nor torch.

The markers may be single tokens or plain text. What a prompt says about the thought is read from its last frame.
"""

from collections.abc import Callable, Sequence

from zhinao.family import THINK_CLOSE, THINK_OPEN
from zhinao.prompt.chatml import START
from zhinao.prompt.thinking import ANSWER, RECLASSIFY, FrameTrimmer, Piece, ThoughtSplitter

OPENED, CLOSED, UNDECIDED = "opened", "closed", "undecided"


def state_of(prompt: str) -> str:
    """Whether the prompt ends inside a thought, behind one that it closed itself, or leaves both to the model."""
    frame = prompt.rpartition(START)[2]
    opened, closed = frame.rfind(THINK_OPEN), frame.rfind(THINK_CLOSE)
    if opened > closed:
        return OPENED
    return CLOSED if closed >= 0 else UNDECIDED


class Output:
    """One output, fed as it comes. `has_ended`: answer text has begun, so that what follows is answer and nothing else."""

    def __init__(self, is_open: bool):
        self.has_ended = False
        self._splitter = ThoughtSplitter(is_open, thinks=True)
        self._trimmer = FrameTrimmer()

    def feed(self, text: str) -> tuple[str, str]:
        """Thought and answer that are certain now. An answer without a thought holds nothing back."""
        pieces = self._splitter.feed(text)
        if self._splitter.state == ANSWER and not self._splitter.is_closed:
            pieces += self._splitter.finish()
            self.has_ended = True
        return self._joined(pieces)

    def finish(self) -> tuple[str, str]:
        """What was held back because it could have become a marker."""
        return self._joined(self._splitter.finish())

    def _joined(self, pieces: list[Piece]) -> tuple[str, str]:
        thought = answer = ""
        for piece in self._trimmer.feed(pieces, self._splitter.is_closed):
            if piece.kind == RECLASSIFY:
                thought, answer = thought + answer, ""
            elif piece.kind == ANSWER:
                answer += piece.text
            else:
                thought += piece.text
        self.has_ended = self.has_ended or bool(answer)
        return thought, answer


def split(text: str, is_open: bool) -> tuple[str, str]:
    """Thought and answer of a whole output; either may be empty."""
    output = Output(is_open)
    (thought, answer), (more_thought, more_answer) = output.feed(text), output.finish()
    return thought + more_thought, answer + more_answer


def num_thought_ids(ids: Sequence[int], decode: Callable[[Sequence[int]], str], is_open: bool) -> int:
    """How many ids at the beginning of an output belong to its thought, markers included. `decode` shows every token."""
    text = decode(ids)
    before, marker, _ = text.partition(THINK_CLOSE)
    if not marker:
        return len(ids) if is_open or text.lstrip().startswith(THINK_OPEN) else 0
    wanted = len(before) + len(marker)
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        if len(decode(ids[:middle])) < wanted:
            low = middle + 1
        else:
            high = middle
    return low
