"""Rewards that grade text: each reachable in full by what the template asks for, also with a prefilled `<think>`."""

import pytest

from zhinao.score.code import walls
from zhinao.score.rewards import REWARDS
from zhinao.score.rewards.form import BUFFER, LIMIT

GOOD = "<think>\nthought\n</think>\n\nSo \\boxed{5}"


@pytest.mark.parametrize(
    ("completion", "is_open", "reward"),
    [
        (GOOD, False, 1.0),
        (GOOD.removeprefix("<think>\n"), True, 1.0),
        (GOOD, True, 0.0),  # a second <think>
        (GOOD.replace("\\boxed{5}", "5"), False, 0.5),
        (GOOD + " \\boxed{6}", False, 0.5),
        ("<think>\n\n</think>\n\n\\boxed{5}", False, 0.0),
        ("<think>thought \\boxed{5}", False, 0.0),
        ("\\boxed{5}", False, 0.0),
        ("thought</think>\n", True, 0.0),
    ],
)
def test_format(completion, is_open, reward):
    assert REWARDS["format"]("", completion, "", is_thought_open=is_open) == reward


def test_mathematics_reads_only_what_follows_the_thought():
    right = REWARDS["mathematics"]
    assert right("", GOOD, "5") == 1.0 and right("", GOOD, "6") == 0.0
    assert right("", "<think>\\boxed{5}", "5") == 0.0
    assert right("", "\\boxed{5}", "5", is_thought_open=True) == 0.0  # never closed


def test_choices():
    right = REWARDS["choices"]
    assert right("", "<think>A?</think>答案是B", "B") == 1.0 and right("", "<think>B</think>答案是A", "B") == 0.0
    assert right("", "<think>答案是B", "B") == 0.0


def test_length_falls_linearly_to_the_limit():
    reward = REWARDS["length"]
    assert reward("", "x" * (LIMIT - BUFFER)) == 0 and reward("", "x" * LIMIT) == -1 == reward("", "x" * (2 * LIMIT))
    assert reward("", "x" * (LIMIT - BUFFER // 2)) == pytest.approx(-0.5)


def test_repetition():
    reward = REWARDS["repetition"]
    assert reward("", "the quick brown fox jumps over the lazy dog") == 0
    assert reward("", "again and again " * 100) < -0.9


@pytest.mark.parametrize(
    ("prompt", "completion", "low", "high"),
    [
        ("鸡和兔各多少只？", "<think>全是鸡则有腿二十八条</think>兔五只", 1, 1),
        ("鸡和兔各多少只？", "<think>Suppose all of them are chickens</think>兔五只", 0, 0.4),
        ("How many rabbits?", "Suppose all of them are chickens", 1, 1),
        ("How many rabbits?", "全是鸡则有腿二十八条", 0, 0),
        ("求 $\\int_0^1 x^2 dx$", "$\\frac13$", 1, 1),
    ],
)
def test_language(prompt, completion, low, high):
    assert low <= REWARDS["language"](prompt, completion) <= high


@pytest.mark.skipif(not walls(), reason="no walls for generated code on this machine")
def test_code_is_paid_for_passing_all_asserts():
    reward, gold = REWARDS["code"], "assert f(1) == 2\nassert f(2) == 3"
    right = "<think>one more</think>\n```python\ndef f(x):\n    return x + 1\n```"
    assert reward("", right, gold) == 1
    assert reward("", right.replace("x + 1", "2"), gold) == 0
    assert reward("", right.replace("</think>", ""), gold) == 0, "a thought is no answer"
