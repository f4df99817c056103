"""The measure by perplexity, as OpenCompass has it, against a computation written plainly here, for every PPL task on real items.

Plain: each label's whole text is tokenised by itself and put through transformers' own network; the sum of the negative
log-likelihoods of all tokens but the first is divided by the number of all tokens, and the first of the lowest labels wins. Ours: the
engines, which share what the texts have in common. A random model, so that no label wins because it is right.
"""

import re
import zlib

import pytest

torch = pytest.importorskip("torch")

from tests.tiny import make_checkpoint  # noqa: E402
from zhinao import engine as engines  # noqa: E402
from zhinao.evaluate import tasks  # noqa: E402
from zhinao.evaluate.task import PPL  # noqa: E402

NUM_ITEMS = 20
READINGS = [
    reading
    for name in tasks.names()
    for reading in [f"{name}@{variant}" for variant in tasks.find(name).variants] or [name]
    if tasks.find(reading).mode == PPL
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint(
        tmp_path_factory.mktemp("models") / "tiny", "qwen2", head_dim=16, scale=1.5, max_position_embeddings=32768
    )


@pytest.fixture(scope="module")
def network(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def transformers(folder):
    with engines.open(folder, engine="transformers") as opened:
        yield opened


@pytest.fixture(scope="module")
def openvino(folder, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZHINAO_HOME", str(tmp_path_factory.mktemp("home")))
        with engines.open(folder, engine="openvino", quant="f32") as opened:
            yield opened


def items_of(shared, reading: str) -> list:
    """Evenly over the whole set, so that subjects differ."""
    task = tasks.find(reading)
    if not (shared / "data" / "eval" / task.folder).is_dir():
        pytest.skip(f"no files of {task.folder}")
    items = list(task.items(shared / "data" / "eval" / task.folder))
    return items[:: max(1, len(items) // NUM_ITEMS)][:NUM_ITEMS]


@torch.no_grad()
def plainly(network, text: str) -> float:
    ids = tokens(text)
    likelihoods = torch.log_softmax(network(torch.tensor([ids])).logits[0].float(), dim=-1)
    total = -sum(likelihoods[range(len(ids) - 1), ids[1:]].tolist())
    return total / len(ids)


def tokens(text: str) -> list[int]:
    """A token is a word of Latin letters or a single character."""
    return [zlib.crc32(piece.encode()) % 320 for piece in re.findall("[A-Za-z]+|.", text, re.DOTALL)]


def by_engine(engine, texts: list[str]) -> list[float]:
    """What the run does with a PPL item: every token but the first is asked for."""
    requests = [(tokens(text), 1) for text in texts]
    if not hasattr(engine, "score_many"):
        return [-sum(engine.score(ids)) / len(ids) for ids, _ in requests]
    sums = {index: sum(likelihoods) for index, likelihoods, *_ in engine.score_many(requests)}
    return [-sums[index] / len(ids) for index, (ids, _) in enumerate(requests)]


@pytest.mark.parametrize("reading", READINGS)
def test_values_and_winners_equal_the_plain_computation(shared, network, transformers, reading):
    compare(items_of(shared, reading), network, transformers)


@pytest.mark.parametrize("reading", ["wic", "hellaswag", "mmlu"])
def test_the_embedded_engine_too(shared, network, openvino, reading):
    compare(items_of(shared, reading), network, openvino)


def compare(items: list, network, engine) -> None:
    assert len(items) == NUM_ITEMS
    texts = [text for item in items for text in item.choices]
    values, expected = iter(by_engine(engine, texts)), iter(plainly(network, text) for text in texts)
    for item in items:
        mine, plain = ([next(source) for _ in item.choices] for source in (values, expected))
        assert mine == pytest.approx(plain, abs=2e-5)
        assert mine.index(min(mine)) == plain.index(min(plain)) or sorted(plain)[1] - min(plain) < 4e-5
