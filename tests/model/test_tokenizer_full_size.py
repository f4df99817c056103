"""A sample of real lines through a real-size vocabulary. All of them: `benchmarks/tokenizer_parity.py`."""

import itertools

import pytest

from tests.reference_tokenizer import Reference
from tests.tokenizer_comparison import compare, lines, random_texts
from zhinao.model.tokenizer import Tokenizer

NUM_LINES, STEP = 5_000, 44


@pytest.fixture(scope="module")
def pair(shared, tmp_path_factory):
    vocabulary = shared / "data" / "tokenizer" / "qwen.tiktoken"
    folder = tmp_path_factory.mktemp("full")
    (folder / "vocab").mkdir()
    (folder / "vocab" / "360.tiktoken").write_bytes(vocabulary.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZHINAO_HOME", str(folder / "home"))
        return Tokenizer.load(folder), Reference(vocabulary)


@pytest.mark.slow
def test_real_lines(shared, pair):
    sample = itertools.islice(lines(shared / "data"), 0, NUM_LINES * STEP, STEP)
    report = compare(sample, *pair)
    assert report["texts"] > 3_750 and report["first_differences"] == []


@pytest.mark.slow
def test_random_strings(pair):
    ours, reference = pair
    vocabulary = [ours.decode([id]) for id in range(len(reference.ranks))]
    assert compare(random_texts(3000, vocabulary, seed=7), ours, reference)["first_differences"] == []


def test_special_tokens_follow_the_last_rank(pair):
    ours, reference = pair
    num_ranks = len(reference.ranks)
    assert ours.control_tokens["<unk>"] == num_ranks + 1  # a rank of this vocabulary spells it, too
    assert (ours.pad_id, ours.eos_id, ours.vocab_size) == (num_ranks, num_ranks + 3, num_ranks + 11)
    twin = reference.ranks[b"<unk>"]
    assert ours.decode([twin]) == "<unk>" and ours.encode("<unk>") != [twin]
