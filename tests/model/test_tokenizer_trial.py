"""Strangers' tokenizer.json that end processes, take all memory or never end: a sentence, and this process lives."""

import json
import time
from pathlib import Path

import pytest

from tests.tiny_tokenizer import make_tokenizer
from zhinao.errors import CheckpointError
from zhinao.model import tokenizer_trial
from zhinao.model.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("plain")
    make_tokenizer(folder)
    Tokenizer.load(folder).save(folder)
    return json.loads((folder / "tokenizer.json").read_text())


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path):
    """`folder(json)` writes a model folder's tokenizer.json and returns the folder."""

    def write(raw: dict) -> Path:
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model/tokenizer.json").write_text(json.dumps(raw))
        return tmp_path / "model"

    return write


def replace(old: str, new: str, kind: str = "String") -> dict:
    return {"type": "Replace", "pattern": {kind: old}, "content": new}


def in_a_row(*steps: dict, part: str = "normalizer") -> dict:
    return {part: {"type": "Sequence", f"{part}s": list(steps)}}


def split(regex: str) -> dict:
    return {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}}


HOSTILE = {
    "doubles again and again": in_a_row(*[replace("a", "aa")] * 40),
    "doubles a rare character": in_a_row(*[replace("☃", "☃☃")] * 40),
    "one step": {"normalizer": replace("☃", "☃" * 10_000)},
    "between all characters": in_a_row(*[replace("", "aaa", "Regex")] * 20),
    "within rows": in_a_row(in_a_row(*[replace("x", "xx")] * 20)["normalizer"]),
    "decoders": in_a_row(*[replace("a", "aa")] * 40, part="decoder"),
    "an expression without end": split("(a|a)*$|(a+)+b"),
    "a panic": {"model": {"continuing_subword_prefix": "x"}},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_sentence_and_no_end_of_this_process(plain, folder, case):
    change = HOSTILE[case]
    raw = {**plain, **change, "model": plain["model"] | change.get("model", {})}
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: damaged"):
        Tokenizer.load(folder(raw))


def test_a_good_one_is_tried_once(plain, folder, home, monkeypatch):
    place = folder(plain)
    Tokenizer.load(place)
    monkeypatch.setattr(tokenizer_trial, "_worker", lambda: pytest.fail("it was tried again"))
    Tokenizer.load(place)
    assert len(list((home / "tried").iterdir())) == 1


def test_a_home_that_cannot_be_written_costs_the_trial_only(plain, folder, home):
    home.write_text("a file")
    assert Tokenizer.load(folder(plain)).encode("a")


@pytest.mark.parametrize(
    ("steps", "most"),
    [
        (None, 1),
        ({"type": "NFC"}, 1),
        ({"type": "Prepend", "prepend": "▁"}, 1),
        (replace(" ", "▁"), 1),
        (replace("        ", "[space8]"), 1),
        (replace("ab", "abcd"), 2),
        (replace(" {2,}", "▁", "Regex"), 2),
        (in_a_row(replace("a", "bb"), replace("b", "ccc"))["normalizer"], 6),
        ([], 1),
        ({"type": "Replace", "pattern": 7, "content": []}, 1),
        ({"type": "Sequence", "normalizers": 7}, 1),
    ],
)
def test_growth(steps, most):
    assert tokenizer_trial.growth(steps) == most


def test_the_demo_model_passes_quickly(demo, home):
    start = time.monotonic()
    tokenizer_trial.check(demo / "tokenizer.json")
    assert time.monotonic() - start < 30 and (home / "tried").is_dir()
