"""What a check is, and the list they get into. A check is a function of a `Server`: it returns, raises `Failure`, or raises `Skip`."""

from collections.abc import Callable
from dataclasses import dataclass

from zhinao_contract.words import translated

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
    english: str  # its title; in Chinese in `words.py`
    ask: Callable

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]

    @property
    def title(self) -> str:
        return translated(self.english)


_all: dict[str, Check] = {}


def check(id: str, level: str, english: str):
    """Decorator: put a function into the list of checks."""

    def register(ask: Callable) -> Callable:
        assert id not in _all and level in LEVELS, id
        _all[id] = Check(id, level, english, ask)
        return ask

    return register


def registered() -> list[Check]:
    """The checks of the files that have been imported so far; `areas` knows all of them."""
    return list(_all.values())
