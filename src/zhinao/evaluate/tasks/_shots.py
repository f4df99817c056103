"""How OpenCompass puts a prompt for a base model together, and the commonest kind of item."""

from collections.abc import Iterable

from zhinao.evaluate.task import Item

LETTERS = "ABCD"


def joined(*pieces: str) -> str:
    """Turns of a template without a chat format: each on a line of its own, empty ones left out."""
    return "\n".join(piece for piece in pieces if piece)


def options(texts: Iterable[str]) -> str:
    return "\n".join(f"{letter}. {text}" for letter, text in zip("ABCDEFGH", texts, strict=False))


def labelled(
    id: str, asked: str, labels: Iterable[str], gold: int, shots: Iterable[str] = (), subset: str = ""
) -> Item:
    """A question whose labels are turns of their own: the text before, then each label on the next line."""
    before = joined(*shots, asked)
    return Item(id=id, choices=tuple(joined(before, label) for label in labels), gold=gold, subset=subset)
