"""Perplexity of a text: against a computation written plainly with transformers' own network, and what cannot be measured."""

import math
from types import SimpleNamespace

import pytest

from zhinao.errors import UsageError
from zhinao.evaluate import perplexity
from zhinao.evaluate.commands import perplexity as command

torch = pytest.importorskip("torch")

from tests.tiny import make_checkpoint  # noqa: E402
from zhinao import engine as engines  # noqa: E402

TEXT = "The lamp was lit. 灯亮了，窗外下着雨。 " * 12


@pytest.mark.parametrize(("window", "stride"), [(7, 3), (7, 6), (2, 1), (50, 10), (20, 20 - 1)])
def test_each_token_but_the_first_is_counted_once(window, stride):
    ids = list(range(20))
    counted = [part[at] for part, start in perplexity.windows(ids, window, stride) for at in range(start, len(part))]
    assert counted == ids[1:]
    later = list(perplexity.windows(ids, window, stride))[1:]
    assert all(len(part) <= window and start >= window - stride for part, start in later)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", "qwen2", head_dim=16, scale=1.5)


def plainly(folder, ids: list[int], window: int, stride: int) -> float:
    """The mean loss, token by token, each with what its window holds before it."""
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    loss, begin, place = 0.0, 0, 1
    while place < len(ids):
        with torch.no_grad():
            logits = network(torch.tensor([ids[begin : begin + window]])).logits[0]
        for at in range(place, min(begin + window, len(ids))):
            loss -= torch.log_softmax(logits[at - begin - 1], -1)[ids[at]].item()
        place, begin = min(begin + window, len(ids)), begin + stride
    return loss / (len(ids) - 1)


@pytest.mark.parametrize(("window", "stride"), [(32, 16), (40, 7), (100, 50)])
def test_equals_a_plain_computation(folder, window, stride):
    with engines.open(folder, engine="transformers") as engine:
        ids = [(n * 37 + n * n) % 90 + 3 for n in range(101)]
        found = perplexity.measure(engine.score_many, ids, TEXT, window, stride)
    plain = plainly(folder, ids, window, stride)
    assert found.per_token == pytest.approx(math.exp(plain), rel=1e-4)
    assert found.per_byte == pytest.approx(math.exp(plain * 100 / len(TEXT.encode())), rel=1e-4)
    assert found.per_character == pytest.approx(math.exp(plain * 100 / len(TEXT)), rel=1e-4)
    assert found.bits_per_byte == pytest.approx(plain * 100 / math.log(2) / len(TEXT.encode()), rel=1e-4)


@pytest.mark.parametrize(
    ("window", "stride", "flag"), [(1, None, "--window"), (101, None, "--window"), (10, 10, "--stride")]
)
def test_windows_that_are_none(window, stride, flag):
    with pytest.raises(UsageError, match=flag):
        command._window(SimpleNamespace(window=window, stride=stride), 100)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_texts_that_are_none(tmp_path, content):
    file = tmp_path / "text"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match="text"):
        command._text(file)
