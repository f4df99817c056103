"""`score_many` gives what one request after the other gives, whatever the requests share."""

import itertools

import numpy as np
import pytest

from tests.tiny import make_checkpoint
from zhinao import engine as engines
from zhinao.engine import prefix_tree
from zhinao.engine.transformers import TransformersEngine
from zhinao.errors import ContextLengthError, EngineError, UsageError

VOCABULARY = 320
RANDOM = np.random.default_rng(7)


def ids(number: int) -> list[int]:
    return RANDOM.integers(0, VOCABULARY, number).tolist()


def utf8(text: str) -> list[int]:
    return list(text.encode())


SHOTS, CHINESE = ids(90), utf8("以下是中国关于物理考试的单项选择题，请选出其中的正确答案。\n题目：")
FORMS = {
    "none shared": [(ids(n), n // 2) for n in (2, 9, 60, 17)],
    "shots, context, choices": [
        (SHOTS + context + [choice], len(SHOTS + context))
        for context in (ids(20), ids(3), ids(41))
        for choice in (1, 2, 3)
    ],
    "choices of several tokens": [(CHINESE + utf8(c), len(CHINESE)) for c in ("光速", "光的速度", "声音", "光")],
    "English": [(utf8(f"The answer is {c}"), 14) for c in ("yes", "no", "not known", "")],
    "one inside another": [(SHOTS[:n], n - 2) for n in (90, 30, 31, 3, 60)],
    "equal requests": [(SHOTS[:40], 30)] * 3,
    "the middle of a shared prefix": [(SHOTS, 20), (SHOTS[:50] + ids(9), 45), (SHOTS[:50] + ids(9), 1), (SHOTS, 89)],
    "nothing asked": [(SHOTS[:5], 5), (SHOTS[:1], 1), (SHOTS[:6], 5)],
    "the whole context": [(ids(256), 1), (ids(256), 255)],  # and one more: see below
    "none at all": [],
}
FORMS["all together"] = list(itertools.chain.from_iterable(FORMS.values()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", head_dim=16, scale=1.5)


@pytest.fixture(scope="module")
def reference(folder):
    with TransformersEngine.load(folder) as engine:
        yield engine


@pytest.fixture(scope="module")
def openvino(home, folder):
    with engines.open(folder, engine="openvino", quant="f32", is_lazy=True) as engine:
        yield engine


@pytest.fixture(scope="module", params=["openvino", "transformers"])
def engine(request, openvino, reference):
    return openvino if request.param == "openvino" else reference


def one_by_one(engine, requests) -> list[tuple[float, ...]]:
    return [tuple(engine.score(ids)[start - 1 :]) if len(ids) > start else () for ids, start in requests]


def by_index(scored, num: int) -> list[tuple]:
    found = {index: (logprobs, greedy) for index, logprobs, greedy in scored}
    assert sorted(found) == list(range(num))
    return [found[n] for n in range(num)]


@pytest.mark.parametrize("form", FORMS)
def test_equal_to_one_by_one(engine, reference, form):
    requests = FORMS[form]
    found = by_index(engine.score_many(requests), len(requests))
    for (logprobs, greedy), expected in zip(found, one_by_one(reference, requests), strict=True):
        assert len(logprobs) == len(greedy) == len(expected)
        np.testing.assert_allclose(logprobs, expected, atol=1e-4)


def test_greedy_is_the_likeliest(engine, reference):
    start = SHOTS[:20]
    logits, _ = reference.step(start, None)
    best = int(logits[-1].argmax())
    found = by_index(engine.score_many([([*start, n], 20) for n in range(VOCABULARY)]), VOCABULARY)
    assert [n for n, (_, greedy) in enumerate(found) if greedy[0]] == [best]
    assert sum(np.exp(logprobs[0]) for logprobs, _ in found) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("num_tokens, num_rows, window", [(1, 1, 1), (7, 3, 10**6), (64, 64, 100), (1000, 1, 10**6)])
def test_however_the_steps_are_cut(reference, num_tokens, num_rows, window):
    """With a model of three lines: what is likely depends on all tokens of the path, in their order, and on nothing else."""
    requests = FORMS["all together"]

    def run(step):
        kept[:] = [kept[n] for n in step.keep]
        for n, (token, position) in enumerate(zip(step.ids, step.positions, strict=True)):
            path = [one for one, looks in zip(kept, step.mask[n], strict=False) if looks and one is not None]
            assert len(path) == position
            kept.append((int(token), tuple(one[0] for one in path)))
        new = kept[len(step.keep) :]
        assert step.mask[range(len(new)), range(len(step.keep), len(kept))].all() and len(step.rows) <= num_rows
        digests = np.array([hash((*new[row][1], new[row][0])) % 1000 for row in step.rows], float)
        rows = step.pairs[:, 0]
        return prefix_tree.Heads(
            -(digests[rows] + step.pairs[:, 1] / 1000), np.zeros(len(digests)), np.zeros(len(digests))
        )

    kept: list = []
    sizes = {"num_tokens": num_tokens, "num_rows": num_rows, "window": window}
    told = []
    found = by_index(prefix_tree.score(requests, run, progress=lambda *now: told.append(now), **sizes), len(requests))
    for (logprobs, _), (ids, start) in zip(found, requests, strict=True):
        expected = [-(hash(tuple(ids[:n])) % 1000 + ids[n] / 1000) for n in range(start, len(ids))]
        assert logprobs == pytest.approx(expected)
    assert told == sorted(told) and told[-1][0] == told[-1][1] == sum(len(ids) for ids, _ in requests)


def test_what_is_shared_is_computed_once():
    requests = FORMS["shots, context, choices"]
    tree = prefix_tree.build(requests)
    assert len(tree.ids) == len({tuple(ids[: n + 1]) for ids, _ in requests for n in range(len(ids) - 1)})


def test_other_weights_are_near(home, folder, reference):
    requests = FORMS["choices of several tokens"]
    expected = one_by_one(reference, requests)
    for quant in ("bf16", "int8"):
        with engines.open(folder, engine="openvino", quant=quant, is_lazy=True) as engine:
            found = by_index(engine.score_many(requests), len(requests))
            for (logprobs, _), one in zip(found, expected, strict=True):
                np.testing.assert_allclose(logprobs, one, atol=0.5)


def test_two_walks_side_by_side(engine):
    requests = FORMS["all together"]
    one, two = engine.score_many(requests), engine.score_many(requests)
    pairs = list(zip(one, two, strict=True))
    assert all(a == b for a, b in pairs) and len(pairs) == len(requests)


def test_answers_come_from_the_same_engine(openvino):
    """The process for answers starts when it is needed."""
    assert openvino.is_ready
    assert openvino.score(SHOTS[:9]) == pytest.approx(
        by_index(openvino.score_many([(SHOTS[:9], 1)]), 1)[0][0], abs=1e-4
    )


def test_the_base_does_it_by_score(reference):
    found = by_index(super(TransformersEngine, reference).score_many([(SHOTS[:9], 4), (SHOTS[:4], 4)]), 2)
    assert found == [(tuple(reference.score(SHOTS[:9])[3:]), None), ((), None)]


@pytest.mark.parametrize(
    "bad, error, words",
    [
        ((SHOTS * 3, 9), ContextLengthError, "Request 1: The prompt has 270 tokens"),
        (([5, VOCABULARY], 1), UsageError, "Request 1: Token id 320"),
        (([], 1), UsageError, "Request 1: The prompt is empty"),
        (([5, 6], 0), UsageError, "Request 1: start is 0; allowed: 1 … 2"),
        (([5, 6], 3), UsageError, "Request 1: start is 3"),
    ],
)
def test_what_cannot_be_is_named_before_anything_runs(engine, bad, error, words):
    with pytest.raises(error, match=words.replace("(", r"\(")):
        engine.score_many([(SHOTS, 3), bad])


def test_the_last_token_takes_no_room(engine):
    """It is asked for and never read: 257 tokens in a context of 256, as lm-evaluation-harness asks."""
    (_, logprobs, _), *_ = engine.score_many([((SHOTS * 3)[:257], 256)])
    assert len(logprobs) == 1 and logprobs[0] < 0
    with pytest.raises(ContextLengthError, match="258 tokens"):
        engine.score_many([((SHOTS * 3)[:258], 257)])


def test_closed(folder):
    engine = TransformersEngine.load(folder)
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.score_many([(SHOTS, 3)])
