"""`zhinao data split`: the same parts whatever the order, and nothing of the one in the other."""

import json
import random

import pytest

from zhinao import cli
from zhinao.data.holdout import group, held_out, num_held
from zhinao.data.read.read import read
from zhinao.data.sample import DataError
from zhinao.errors import UsageError


def split(*words) -> int:
    return cli.main(["data", "split", *map(str, words)])


def chat(question: str, answer: str) -> dict:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def write(path, records) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def parts(folder) -> tuple[list, list]:
    return tuple([s.messages for s in read([str(folder / name)])] for name in ("train.jsonl", "eval.jsonl"))


# 200 questions; every fourth one again in another spelling, every tenth sample doubled
RECORDS = [chat(f"Question {n // 4 if n % 4 else n}", f"answer {n}") for n in range(200)]
RECORDS += [chat(f" question  {n}\n", "other") for n in range(0, 200, 4)] + RECORDS[::10]


def first(messages) -> str:
    return " ".join(messages[0]["content"].lower().split())


@pytest.mark.parametrize("wanted, num", [("0.1", 26), ("50", 50), ("0.001", 2)])
def test_the_parts_hold_everything_once_and_share_no_prompt(tmp_path, wanted, num, capsys):
    write(tmp_path / "a.jsonl", RECORDS)
    assert split(tmp_path / "a.jsonl", "--eval", wanted, "--output", tmp_path) == 0
    train, held = parts(tmp_path)
    assert len(held) == num and len(train) + len(held) == len(RECORDS)
    assert {first(m) for m in train}.isdisjoint({first(m) for m in held})
    assert sorted(map(str, train + held)) == sorted(str(r["messages"]) for r in RECORDS)
    err = capsys.readouterr().err
    assert f"{tmp_path}/eval.jsonl: {num} written" in err
    assert (f"{num} held out, not" in err) == (wanted != "50")


def test_the_order_of_the_data_does_not_matter_and_the_seed_does(tmp_path):
    held = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(tmp_path / f"{name}.jsonl", random.Random(name).sample(RECORDS, len(RECORDS)))
        assert split(tmp_path / f"{name}.jsonl", "--seed", seed, "-o", tmp_path / name) == 0
        held[name] = sorted(map(str, parts(tmp_path / name)[1]))
    assert held["a"] == held["b"] != held["c"]


def test_pairs_and_documents(tmp_path):
    pairs = [{"prompt": f"q{n % 5}", "chosen": f"a{n}", "rejected": "b"} for n in range(20)]
    for name, records in {"pairs": pairs, "texts": [{"text": f"t{n % 5}"} for n in range(20)]}.items():
        write(tmp_path / f"{name}.jsonl", records)
        assert split(tmp_path / f"{name}.jsonl", "--eval", "5", "-o", tmp_path / name) == 0
        train, held = (list(read([f"{tmp_path}/{name}/{part}.jsonl"])) for part in ("train", "eval"))
        assert (len(train), len(held)) == (16, 4)  # groups of four: the second one would be more than five
        assert {group(s) for s in train}.isdisjoint({group(s) for s in held})


def test_groups_are_never_parted():
    assert held_out([b"a", b"a", b"b", b"b", b"b"], 1) == {b"a"}  # the smallest, where none is small enough
    assert held_out([b"a", b"b", b"c", b"c"], 2) == {b"a", b"b"}
    with pytest.raises(DataError, match="same first prompt"):
        held_out([b"a", b"a"], 1)


def test_how_many_are_held():
    assert [num_held(wanted, 40) for wanted in (0.05, 0.001, 1, 39)] == [2, 1, 1, 39]
    for wanted in (40, 0.99):
        with pytest.raises(DataError, match="leave none to train on"):
            num_held(wanted, 40)


@pytest.mark.parametrize("wanted", ["0", "-1", "1.5", "many", "nan"])
def test_shares_that_cannot_be_meant(tmp_path, wanted, capsys):
    assert split("a.jsonl", f"--eval={wanted}", "-o", tmp_path) == UsageError.exit_code
    assert f"--eval {wanted}: neither a share below 1 nor a number" in capsys.readouterr().err


def test_what_is_refused_leaves_no_files(tmp_path, capsys):
    write(tmp_path / "a.jsonl", RECORDS)
    write(tmp_path / "b.jsonl", [{"text": "a"}])
    (tmp_path / "c.jsonl").write_text('oops\n{"text": "a"}\n{"text": "b"}\n')
    out = tmp_path / "out"
    assert split("-", "-o", out) == UsageError.exit_code
    assert split(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "-o", out) == DataError.exit_code
    assert f"{tmp_path}/b.jsonl, line 1: is a sample of kind text, after chat" in capsys.readouterr().err
    assert split(tmp_path / "c.jsonl", "-o", out) == DataError.exit_code
    assert "c.jsonl, line 1: is no JSON" in capsys.readouterr().err
    assert not out.exists()
    assert split(tmp_path / "c.jsonl", "-o", out, "--skip-faults") == 0
    assert split(tmp_path / "c.jsonl", "-o", out, "--skip-faults") == UsageError.exit_code
    assert "train.jsonl: is there already" in capsys.readouterr().err
    assert split(tmp_path / "c.jsonl", "-o", out, "--skip-faults", "--force") == 0


def test_the_real_file(shared, tmp_path):
    assert split(shared / "data/sft/identity.json", "--eval", "0.1", "-o", tmp_path) == 0
    train, held = parts(tmp_path)
    assert (len(train), len(held)) == (82, 9)
