"""How OpenCompass puts a prompt for a base model together, and the commonest kind of item."""

from collections.abc import Iterable

from zhinao.evaluate.task import Item

LETTERS = "ABCD"


# What the tool adds behind each example and once more behind all is a turn of its own to it.
LINE_END = "\n"


def joined(*pieces: str) -> str:
    """Turns of a template without a chat format: each on a line of its own, empty ones left out."""
    return "\n".join(piece for piece in pieces if piece)


def options(texts: Iterable[str]) -> str:
    return "\n".join(f"{letter}. {text}" for letter, text in zip("ABCDEFGH", texts, strict=False))


def labelled(
    id: str, asked: str, labels: Iterable[str], gold: int, shots: Iterable[str] = (), subset: str = ""
) -> Item:
    """A question whose labels are turns of their own: the text before, then each label on the next line.

    Between two examples stand three line ends, before the question five: so OpenCompass's code does it for a model without a chat
    format (`BaseRetriever.generate_ice` and `LMTemplateParser`, the same at the release and in 0.5.4).
    """
    before = joined(*with_ends(list(shots)), asked)
    return Item(id=id, choices=tuple(joined(before, label) for label in labels), gold=gold, subset=subset)


def with_ends(shots: list[str]) -> list[str]:
    return [piece for shot in shots for piece in (shot, LINE_END)] + [LINE_END] * bool(shots)
