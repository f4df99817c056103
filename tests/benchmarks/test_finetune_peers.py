"""Fine-tuning side by side: every way trains the same documents in the same steps, and the table says what was measured."""

import json
import subprocess
import sys
from pathlib import Path

import finetune_peers
import pytest
from finetune_conversations import conversations, first_fit, two_steps
from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer

from zhinao.model.tokenizer import Tokenizer

BENCHMARKS = Path(finetune_peers.__file__).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make_checkpoint(folder, max_position_embeddings=1024)
    return make_tokenizer(folder)


def test_rows_by_first_fit():
    assert first_fit([5, 4, 2, 9, 1], 10) == [[0, 1], [2], [3, 4]]


def test_conversations_are_always_the_same_and_fit(folder):
    tokenizer = Tokenizer.load(folder)
    documents, again = (conversations(None, 12, tokenizer, 400) for _ in range(2))
    assert [one.ids.tolist() for one in documents] == [one.ids.tolist() for one in again]
    assert len(documents) == 12 and all(len(one.ids) <= 400 and one.num_supervised for one in documents)
    steps = two_steps(documents, 400)
    assert len(steps[0]) >= len(steps[1]) > 0 and not set(steps[0]) & set(steps[1])


def test_the_table_and_what_was_hoped_for():
    def one(seconds, held_out=1.5):
        return {
            "seconds": seconds,
            "bytes": 2e9,
            "rows": 3,
            "supervised": 100,
            "losses": [2, 1],
            "held_out_loss": held_out,
        }

    found = {
        "zhinao": [one(1), one(2)],
        "TRL": [one(1.2), one(4)],
        "padding": [one(8), one(16)],
        "one by one": [one(3, 1.4)] * 2,
    }
    lines = finetune_peers.table(found).splitlines()
    assert lines[2].startswith("| zhinao | 3 | 1.5 | 75.0 | 1.00 x | 2.00 | 2.0000 1.0000 | 1.5000 |")
    assert "8.00 x" in lines[4]
    assert [sentence.split()[0] for sentence in finetune_peers.judged(found)] == ["met", "met", "held-out"]
    found["TRL"] = [one(1.2), one(2.4)]
    assert finetune_peers.judged(found)[1] == "MISSED 1.5 x TRL: 1.20 x"


@pytest.mark.long
def test_ways_that_keep_documents_apart_learn_the_same(folder):
    """On a tiny model: same documents, steps, losses."""
    words = ["--model", str(folder), "--number", "12", "--limit", "400"]
    found = {}
    for way in ("one by one", "TRL", "zhinao"):
        done = subprocess.run(
            [sys.executable, str(BENCHMARKS / "finetune_ways.py"), way, *words],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found[way] = json.loads(done.stdout.splitlines()[-1])
    reference = found["one by one"]
    for way, result in found.items():
        assert result["optimizer_steps"] == 2 and result["supervised"] == reference["supervised"]
        assert result["losses"] == pytest.approx(reference["losses"], rel=2e-3), way
        assert result["held_out_loss"] == pytest.approx(reference["held_out_loss"], rel=1e-3), way
