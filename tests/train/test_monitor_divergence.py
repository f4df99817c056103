"""Which courses of losses are healthy and which have come apart: made-up ones of many kinds, without a trainer."""

import itertools
import json
import math
import random

import pytest

from zhinao.train.monitor.divergence import NUM_FIRST, Losses


def stops_at(losses, known: Losses | None = None) -> int | None:
    """The batch at which it stops, from 1."""
    known = known or Losses()
    return next((n for n, loss in enumerate(losses, 1) if known.add(loss)), None)


def normal(seed: int, middle: float, spread: float, num: int) -> list[float]:
    draw = random.Random(seed)
    return [max(0.01, draw.gauss(middle, spread)) for _ in range(num)]


def mixed(seed: int, num: int, *kinds: tuple[float, float, float]) -> list[float]:
    """`kinds`: (share, middle, spread) of batches of one kind each, drawn at random."""
    draw = random.Random(seed)
    chosen = draw.choices(kinds, [share for share, *_ in kinds], k=num)
    return [max(0.001, draw.gauss(middle, spread)) for _, middle, spread in chosen]


def learned(losses: list[float], over: float) -> list[float]:
    """The same, falling by half every `over` batches."""
    return [loss * 0.5 ** (n / over) for n, loss in enumerate(losses)]


HEALTHY = {
    "from random weights": [12 * math.exp(-n / 50) + 1 for n in range(300)],
    "one level": normal(1, 2, 0.4, 2000),
    "by heart, one strange document": [*normal(2, 0.05, 0.02, 100), 2.9, *normal(3, 0.05, 0.02, 50)],
    "two strange ones of five": [*normal(4, 1.5, 0.3, 100), 9.0, 1.4, 1.5, 8.0, *normal(5, 1.5, 0.3, 50)],
    "preferences": [0.69 - n * 0.002 for n in range(300)],
    "worse, slowly": [2 + n * 0.02 for n in range(300)],
    "nothing known yet": [1.0, 80.0, 80.0, 1.0, 1.0, 1.0, 80.0],
    "far from what it is to learn": learned([40.0] * 200, 30),
    "seven in ten by heart, three hard": mixed(6, 5000, (0.7, 0.005, 0.002), (0.3, 4.5, 0.8)),
    "the same, far apart": mixed(7, 5000, (0.7, 0.01, 0.002), (0.3, 8.0, 1.5)),
    "half and half": mixed(8, 5000, (0.5, 0.1, 0.02), (0.5, 6.0, 0.5)),
    "one in fifty is hard": mixed(9, 5000, (0.98, 0.01, 0.002), (0.02, 9.0, 1.0)),
    "one in ten is hard": mixed(10, 5000, (0.9, 0.01, 0.002), (0.1, 7.0, 1.0)),
    "three kinds": mixed(11, 5000, (0.6, 0.02, 0.01), (0.3, 2.0, 0.5), (0.1, 8.0, 2.0)),
    "hard ones that are learned": learned(mixed(12, 3000, (0.7, 0.01, 0.002), (0.3, 6.0, 1.0)), 800),
    "hard ones in runs of six": [*itertools.chain.from_iterable([[0.01] * 24, [6.0] * 6] * 100)],
    "hard ones only after an easy start": [0.1, 0.2, *normal(43, 4.5, 0.15, 300)],
    "what no model knows": [*normal(44, 7, 0.5, 20), *learned(normal(45, 7, 0.5, 300), 100)],
    "a long tail": [random.Random(n).lognormvariate(0, 0.9) for n in range(5000)],
    "a curriculum's second part": [*normal(13, 0.05, 0.02, 400), *learned(normal(14, 4.3, 0.4, 400), 150)],
    "a curriculum of three parts": [*normal(15, 0.5, 0.1, 300), *normal(16, 2.0, 0.3, 300), *normal(17, 4.0, 0.3, 300)],
    "a new epoch of what is known": [
        *normal(18, 2, 0.3, 200),
        *normal(19, 0.3, 0.1, 200),
        *normal(20, 0.05, 0.02, 200),
    ],
}


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_runs_are_left_alone(name):
    assert stops_at(HEALTHY[name]) is None


BEFORE = normal(21, 2, 0.3, 100)
TWO_KINDS = mixed(22, 400, (0.7, 0.005, 0.002), (0.3, 4.5, 0.8))
DIVERGED = {
    "to what words alone cost": (BEFORE, [7.5] * 20, 8),
    "to what guessing costs": (BEFORE, normal(23, 11.9, 0.2, 20), 8),
    "beyond all": (BEFORE, [1e4] * 20, 3),
    "beyond all, now and then": (BEFORE, [1e3, 2.0] * 10, 5),
    "from what was by heart": (normal(24, 0.02, 0.01, 300), normal(25, 7.0, 0.3, 20), 8),
    "two kinds, to guessing": (TWO_KINDS, normal(26, 11.9, 0.3, 40), 8),
    "before anything is usual": ([2.0, 1.9], normal(47, 60, 10, 40), 3),
    "the same, after ten": (normal(48, 2, 0.3, 10), [25.0, 30.0, 2.0, 80.0], 4),
    "the same, now and then": (normal(49, 2, 0.3, 25), [1e3, 2.0] * 10, 5),
    "growing twofold": (BEFORE, [2.0 * 2**n for n in range(40)], 12),
    "growing by a tenth": (BEFORE, [2.0 * 1.1**n for n in range(100)], 40),
    "preferences": (normal(27, 0.6, 0.1, 100), normal(28, 60, 20, 20), 8),
    "in its first step": ([2.1], normal(40, 11.5, 0.5, 40), 26),
    "in its first step, beyond all": ([5.9, 5.8], [974.0, 500.0, *normal(41, 70, 20, 40)], 10),
    "in its first step, what is easy less far": ([5.9], mixed(46, 60, (0.3, 10, 5), (0.7, 60, 20)), 40),
    "in its first step, then it seems to learn": ([5.9, 5.8], learned(normal(42, 90, 5, 60), 30), 22),
    "early": (normal(29, 2, 0.2, 30), normal(30, 9.0, 0.3, 20), 8),
    "over some hundred batches": (normal(31, 2, 0.2, 300), [2 + 0.02 * n for n in range(1000)], 350),
    "two kinds, to words alone": (TWO_KINDS, normal(32, 7.5, 0.2, 300), 200),
}


@pytest.mark.parametrize("name", DIVERGED)
def test_runs_that_come_apart_are_stopped_soon(name):
    before, after, most = DIVERGED[name]
    found = stops_at([*before, *after])
    assert found is not None and len(before) < found <= len(before) + most


@pytest.mark.parametrize("seed", range(20))
def test_no_mixture_of_two_kinds_stops(seed):
    draw = random.Random(seed)
    share = draw.uniform(0.005, 0.5)
    kinds = (1 - share, draw.uniform(0.001, 1), 0.1), (share, draw.uniform(3, 10), draw.uniform(0.1, 1.5))
    assert stops_at(mixed(seed, 2000, *kinds)) is None, kinds


def test_the_limit_is_what_the_rule_says():
    known = Losses()
    stops_at([2.0] * (NUM_FIRST + 9), known)
    assert known.limit() is None
    known.add(2.0)
    assert known.limit() == 5  # 2 + 3
    stops_at([0.5] * 266, known)
    assert known.limit() == 5  # not 3.5: no model has come apart there
    stops_at([1.0, 4.0] * 133, known)
    assert known.limit() == 7


def test_suspicion_ends_when_the_last_losses_are_good():
    known = Losses()
    stops_at([2.0] * 40, known)
    assert not known.is_suspicious
    known.add(50.0)
    assert known.is_suspicious
    stops_at([2.0] * 10, known)
    assert not known.is_suspicious


def test_what_is_usual_is_known_again_after_a_pause():
    """As JSON in a checkpoint: the same batches afterwards, the same end."""
    for before, after in ((BEFORE, [7.5] * 20), (TWO_KINDS, normal(33, 7.5, 0.2, 300)), (TWO_KINDS, TWO_KINDS)):
        whole, half = Losses(), Losses()
        assert stops_at(before, whole) is None
        half.restore(json.loads(json.dumps(whole.state())))
        assert stops_at(after, whole) == stops_at(after, half)
        assert whole.state() == half.state()
