"""A short form of `benchmarks/attacks.py`: what stood still for minutes must not, and whoever asks is answered.

The bounds are wide: other tests run on the same cores. Measured in earnest, `/health` takes under 200 ms and no stream stops for 1 s.
"""

import json

import pytest
from attacks import main

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("attack", [pytest.param("sequences", marks=pytest.mark.long), "endless_schema"])
def test_others_are_served_while_one_client_attacks(tmp_path, monkeypatch, attack):
    found = tmp_path / "found.json"
    words = [
        "attacks.py",
        "--only",
        attack,
        "--seconds",
        "5",
        "--health",
        "2",
        "--gap",
        "10",
        "--first",
        "20",
        "--json",
        str(found),
    ]
    monkeypatch.setattr("sys.argv", words)
    assert main() == 0, found.read_text()
    assert json.loads(found.read_text())[0]["num_tokens"] > 1, "the stream went on meanwhile"
