"""What a check is, and the list of all of them. A check is a function of a `Server`: it returns, raises `Failure`, or raises `Skip`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from zhinao.config import suggestion
from zhinao.errors import UsageError
from zhinao.lang import tr

LEVELS = "MSC"  # must, should, could


class Failure(Exception):
    """The server does not keep the contract. The text says what was seen."""


class Skip(Exception):
    """This server, as it was called, gives no means to check this. The text says why."""


@dataclass(frozen=True)
class Check:
    """`id` is `area.name`; `level` one of M, S, C."""

    id: str
    level: str
    english: str
    chinese: str
    ask: Callable

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]

    @property
    def title(self) -> str:
        return tr(self.english, self.chinese)


_all: dict[str, Check] = {}


def check(id: str, level: str, english: str, chinese: str):
    """Decorator: put a function into the list of checks."""

    def register(ask: Callable) -> Callable:
        assert id not in _all and level in LEVELS, id
        _all[id] = Check(id, level, english, chinese, ask)
        return ask

    return register


def every() -> list[Check]:
    """All checks in the order they run."""
    import zhinao.check.areas  # noqa: F401  (collects them)

    return list(_all.values())


def chosen(only: Iterable[str]) -> list[Check]:
    """The checks whose id or area is among `only` (all where it is empty). Raises UsageError for a word that names none."""
    checks, words = every(), list(only)
    known = {c.id for c in checks} | {c.area for c in checks}
    for word in words:
        if word not in known:
            raise UsageError(
                tr(f"There is no check or area {word!r}.", f"没有名为 {word!r} 的检查或类别。"),
                suggestion(word, known) or "zhinao check-api --list",
            )
    return [c for c in checks if not words or c.id in words or c.area in words]
