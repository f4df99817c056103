"""A prompt's own helpers stay its own in the tests: an answer that replaces one passes nothing by it."""

from types import SimpleNamespace

import pytest

from zhinao.score.code import graders, sandbox

ITEM = SimpleNamespace(
    facts={
        "prompt": 'import math\n\n\ndef poly(xs, x):\n    return sum(a * math.pow(x, i) for i, a in enumerate(xs))\n\n\ndef zero(xs):\n    """Where poly is zero."""\n',
        "entry_point": "zero",
        "test": "def check(candidate):\n    assert math.fabs(poly([1, 2], candidate([1, 2]))) < 1e-4\n",
    }
)


def test_what_a_prompt_defines_beside_the_function():
    assert graders.helpers(ITEM.facts["prompt"], "zero").startswith("import math")
    assert "def zero" not in graders.helpers(ITEM.facts["prompt"], "zero")
    assert graders.helpers("no python at all", "zero") == ""


@pytest.mark.skipif(not sandbox.walls(), reason="no walls for generated code on this machine")
def test_an_answer_cannot_replace_a_helper():
    assert graders.humaneval(ITEM, "    return -xs[0] / xs[1]\n").score == 1
    cheat = "    return 7\n\n\ndef poly(xs, x):\n    return 0\n"
    assert graders.humaneval(ITEM, cheat).score == 0
