"""The keyword arguments of a request, checked: those of `Sampling`, and those that concern text. Starts nothing."""

from dataclasses import dataclass, fields
from typing import Any

from zhinao.config import checked, suggestion
from zhinao.engine.base import Sampling, check_bound
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.prompt.text_stream import StopStrings

_SAMPLING = {field.name: field.type for field in fields(Sampling) if field.name != "stop_ids"}
_PROMPT = ("continue_final", "tools", "template_kwargs")
NAMES = (*_SAMPLING, "stop", "thinking_budget", *_PROMPT)


@dataclass(frozen=True)
class Options:
    """`stop` are strings; `thinking_budget` counts tokens (None: no limit); `prompt` goes to the renderer of messages."""

    sampling: Sampling
    stop: tuple[str, ...]
    thinking_budget: int | None
    prompt: dict


def read(given: dict, defaults: dict, stop_ids: tuple[int, ...]) -> Options:
    """Raises UsageError for an unknown name (with the nearest known one), a wrong type or a value out of range."""
    for name in given:
        if name not in NAMES:
            raise UsageError(
                tr(f"Unknown setting {name!r}.", f"未知的设置 {name!r}。"), suggestion(name, NAMES) or ", ".join(NAMES)
            )
    values = {**defaults, **given}
    sampling: dict[str, Any] = {
        name: checked(name, values[name], kind) for name, kind in _SAMPLING.items() if name in values
    }
    return Options(
        Sampling(**sampling, stop_ids=tuple(stop_ids)),
        _stops(values.get("stop")),
        _budget(values.get("thinking_budget")),
        {name: values[name] for name in _PROMPT if name in values},
    )


def _stops(stop) -> tuple[str, ...]:
    stops = () if stop is None else tuple(stop) if isinstance(stop, (list, tuple)) else (stop,)
    StopStrings(stops)  # checks them
    return stops


def _budget(budget) -> int | None:
    checked("thinking_budget", budget, int | None)
    check_bound("thinking_budget", budget)
    return budget
