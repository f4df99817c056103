"""The checks, one file an area (or a few small ones). Importing this package collects all of them, in the order they run."""

import importlib
from collections.abc import Iterable

from zhinao.config import suggestion
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao_contract import contract
from zhinao_contract.contract import Check

ORDER = [
    "models",
    "shape",
    "framing",
    "usage",
    "stops",
    "characters",
    "choices",
    "seeds",
    "sampling",
    "length",
    "logprobs",
    "completions",
    "structured",
    "tools",
    "messages",
    "thinking",
    "tokens",
    "responses",
    "errors",
    "auth",
    "operations",
    "http",
    "concurrency",
    "disconnect",
    "limits",
]
for _name in ORDER:
    importlib.import_module(f"{__name__}.{_name}")


def every() -> list[Check]:
    """All checks in the order they run."""
    return contract.registered()


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
