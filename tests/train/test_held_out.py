"""What is held out was not trained: by first prompt, by content, the same as `zhinao data split` does it."""

import json
import random

import pytest

from zhinao import cli
from zhinao.data.read.read import read
from zhinao.data.sample import DataError
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.method import preference
from zhinao.train.method import rows as documents
from zhinao.train.settings.prefer import PreferSettings


def chat(question: str, answer: str) -> dict:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


RECORDS = [chat(f"Question {n % 10}" + " " * (n % 2), f"answer {n}") for n in range(40)]


@pytest.fixture
def write(tmp_path):
    def to_file(records, name="data.jsonl") -> str:
        (tmp_path / name).write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
        return str(tmp_path / name)

    return to_file


def texts(rows, tokenizer) -> list[str]:
    return sorted(tokenizer.decode(rows.documents[int(index)].ids.tolist()) for index in rows.chosen)


def prompts(rows, tokenizer) -> set[str]:
    return {text.split("Question")[1].split()[0] for text in texts(rows, tokenizer)}


@pytest.mark.parametrize("more", [{}, {"is_concat": True}, {"data_weights": (2.5,)}], ids=["plain", "packed", "mixed"])
def test_no_prompt_is_on_both_sides(settings, tiny, write, more):
    tokenizer = Tokenizer.load(tiny)
    made = documents.prepare(settings(data_path=(write(RECORDS),), eval_share=0.25, **more), tiny)
    trained, held = (prompts(rows, tokenizer) for rows in (made.train, made.evaluation))
    assert len(held) == 2 and len(made.evaluation.chosen) == 8 and held.isdisjoint(trained) and len(trained) == 8
    shuffled = write(random.Random(1).sample(RECORDS, len(RECORDS)), "other.jsonl")
    again = documents.prepare(settings(data_path=(shuffled,), eval_share=0.25, **more), tiny)
    assert texts(again.evaluation, tokenizer) == texts(made.evaluation, tokenizer)
    whole = documents.prepare(settings(data_path=(shuffled,), **more), tiny)
    assert whole.evaluation is None and whole.key != again.key  # a run that goes on must hold out the same


def test_it_is_the_part_that_split_holds_out(settings, tiny, write, tmp_path):
    file = write(RECORDS)
    assert cli.main(["data", "split", file, "--eval", "0.25", "-o", str(tmp_path / "parts")]) == 0
    held = {sample.messages[0]["content"].split()[1] for sample in read([str(tmp_path / "parts" / "eval.jsonl")])}
    made = documents.prepare(settings(data_path=(file,), eval_share=0.25), tiny)
    assert prompts(made.evaluation, Tokenizer.load(tiny)) == held


def test_one_prompt_alone_cannot_be_parted(settings, tiny, write):
    with pytest.raises(DataError, match="same first prompt"):
        documents.prepare(settings(data_path=(write([chat("q", str(n)) for n in range(4)]),), eval_share=0.5), tiny)
    with pytest.raises(DataError, match="40 held out of 40 samples leave none"):
        documents.prepare(settings(data_path=(write(RECORDS),), eval_share=1.0), tiny)


def test_pairs_too(tiny, write):
    pairs = [{"prompt": f"Question {n % 10}", "chosen": f"a{n}", "rejected": "b"} for n in range(40)]
    chosen = PreferSettings(
        data_path=(write(pairs),), model_name_or_path=str(tiny), output_dir="out", model_max_length=256, eval_share=0.25
    )
    made = preference.prepare(chosen, tiny)
    held, trained = ({tuple(row["prompt_ids"]) for row in part} for part in (made.evaluation, made.train))
    assert len(held) == 2 and len(trained) == 8 and held.isdisjoint(trained)


def test_a_run_says_what_it_does_not_keep(settings, tiny, write):
    bad = chat("bad", "answer") | {"label": False}
    data = write([{"id": n, **record} for n, record in enumerate([*RECORDS, bad])])
    with pytest.raises(DataError, match=r"data.jsonl, line 41, label: false: marked as a bad answer"):
        documents.prepare(settings(data_path=(data,)), tiny)
    made = documents.prepare(settings(data_path=(data,), rejected="drop", eval_share=0.25), tiny)
    said = "\n".join(documents.sentences(made))
    assert "fields not kept: id (41)" in said and "1 sample marked as a bad answer is left out" in said
    assert "8 documents are held out for evaluation." in said
    assert len(documents.prepare(settings(data_path=(data,), rejected="learn"), tiny).train.chosen) == 41
