"""The draw of a token: order and meaning of every setting, by numbers worked out here."""

import math
from collections import Counter

import pytest

torch = pytest.importorskip("torch")

from zhinao.engine.base import Sampling  # noqa: E402
from zhinao.engine.torch_sampler import Sampler  # noqa: E402

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, -3.0])
PROBS = LOGITS.softmax(0)


def draws(logits=LOGITS, prompt=(4,), count=4000, **settings):
    """How often each token is drawn first, over many requests with different seeds."""
    return Counter(
        Sampler(Sampling(seed=n, **settings), list(prompt), len(logits), "cpu").next(logits)[0] for n in range(count)
    )


def adjusted(tokens, prompt=(4,), **settings):
    """Logits after penalties once `tokens` have been generated."""
    sampler = Sampler(Sampling(**settings), list(prompt), 5, "cpu")
    for token in tokens:
        sampler._counts[token] += 1
        sampler.num_generated += 1
    return sampler._penalise(LOGITS.clone()).tolist()


def test_frequencies_follow_the_distribution():
    counts = draws()
    for token, p in enumerate(PROBS.tolist()):
        assert abs(counts[token] / 4000 - p) < 4 * math.sqrt(p * (1 - p) / 4000)


def test_temperature_changes_the_distribution():
    hot = (LOGITS / 2).softmax(0)
    counts = draws(temperature=2.0)
    assert abs(counts[0] / 4000 - float(hot[0])) < 0.04


def test_zero_temperature_is_greedy():
    assert set(draws(temperature=0.0, count=50)) == {0}


@pytest.mark.parametrize(
    "settings, allowed",
    [
        ({"top_k": 1}, {0}),
        ({"top_k": 3}, {0, 1, 2}),
        ({"top_k": 0}, {0, 1, 2, 3, 4}),
        ({"top_k": -1}, {0, 1, 2, 3, 4}),
        ({"top_k": 9}, {0, 1, 2, 3, 4}),
        ({"top_p": 0.01}, {0}),
        ({"top_p": 0.65}, {0, 1}),  # .64 + .24: the token that crosses the bound stays
        ({"top_p": 0.89}, {0, 1, 2}),
        ({"min_p": 0.3}, {0, 1}),  # 0.24 >= 0.3 * 0.64
        ({"min_p": 0.5}, {0}),
        ({"top_k": 2, "top_p": 0.74}, {0, 1}),  # top_p is taken of what top_k left: .73 + .27
        ({"top_k": 2, "top_p": 0.72}, {0}),
    ],
)
def test_what_may_be_drawn(settings, allowed):
    assert set(draws(**settings)) == allowed


def test_penalties_by_hand():
    assert adjusted([0, 0, 1], presence_penalty=0.5) == [1.5, 0.5, 0.0, -1.0, -3.0]
    assert adjusted([0, 0, 1], frequency_penalty=0.5) == [1.0, 0.5, 0.0, -1.0, -3.0]
    # Repetition looks at the prompt too; a negative logit is made more negative.
    assert adjusted([0, 3], repetition_penalty=2.0) == [1.0, 1.0, 0.0, -2.0, -6.0]
    # Presence and frequency leave the prompt alone.
    assert adjusted([], prompt=(0, 1), presence_penalty=1.0, frequency_penalty=1.0) == LOGITS.tolist()


def test_min_tokens_forbids_the_stops_only():
    settings = {"min_tokens": 2, "stop_ids": (0, 1, 999)}
    assert adjusted([2], **settings)[:2] == [-math.inf, -math.inf]
    assert adjusted([2, 2], **settings) == LOGITS.tolist()


def test_greedy_choice_is_made_after_penalties_and_logprobs_before():
    sampler = Sampler(Sampling(temperature=0, presence_penalty=2.0, logprobs=True), [4], 5, "cpu")
    first, second = sampler.next(LOGITS), sampler.next(LOGITS)
    assert (first[0], second[0]) == (0, 1)
    assert second[1] == pytest.approx(math.log(PROBS[1]), abs=1e-6)


def test_seeds():
    def run(seed):
        sampler = Sampler(Sampling(seed=seed), [4], 5, "cpu")
        return [sampler.next(LOGITS)[0] for _ in range(60)]

    assert run(5) == run(5)
    assert run(5) != run(6)
    assert run(None) != run(None)
    assert len(run(2**63 - 1)) == 60
