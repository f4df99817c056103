"""One table of bounds: whoever takes a setting asks it."""

import re
from pathlib import Path

import pytest

from zhinao.api import options
from zhinao.engine.base import Sampling
from zhinao.engine.bounds import BOUNDS
from zhinao.errors import UsageError

PAGE = Path(__file__).parents[2] / "page" / "src" / "parameters.js"


@pytest.mark.parametrize("name", BOUNDS)
def test_the_ends_are_allowed_and_nothing_beyond(name):
    bound = BOUNDS[name]
    for value, is_good in ((bound.low, not bound.is_open), (bound.low - 1, False)):
        check(name, value, is_good)
    if bound.high is not None:
        check(name, bound.high, True)
        check(name, bound.high + 1, False)


def check(name, value, is_good):
    if is_good:
        options.read({name: value}, {}, ())
    else:
        with pytest.raises(UsageError, match=rf"{name} is {value}; allowed: "):
            options.read({name: value}, {}, ())


def test_no_number_is_no_setting():
    for name in ("temperature", "top_p", "min_p", "presence_penalty", "repetition_penalty"):
        with pytest.raises(UsageError, match=f"{name} is nan; allowed"):
            Sampling(**{name: float("nan")})


def test_bounds_as_people_read_them():
    shown = {name: str(BOUNDS[name]) for name in ("temperature", "top_p", "max_tokens", "presence_penalty")}
    assert shown == {"temperature": "0 … 2", "top_p": "> 0, ≤ 1", "max_tokens": "≥ 1", "presence_penalty": "-2 … 2"}


def test_the_page_offers_nothing_that_is_refused():
    for entry in re.findall(r"\{\s*wire: .*?\n  \}", PAGE.read_text(encoding="utf-8"), re.S):
        name = re.search(r'wire: "(\w+)"', entry)[1]
        for end in re.findall(r"\bm(?:in|ax): (-?[\d.]+)", entry):
            bound = BOUNDS[name]
            assert bound.holds(float(end)) or (bound.is_open and float(end) == bound.low), f"{name}: {end}"
