"""The real files, where they are: every item is read, none twice, as many as the files hold."""

import csv
import json
from pathlib import Path

import pytest

from zhinao.evaluate import tasks
from zhinao.evaluate.task import PPL


@pytest.fixture(scope="module")
def data(shared) -> Path:
    if not (shared / "data" / "eval").is_dir():
        pytest.skip(f"no benchmark files: {shared / 'data' / 'eval'}")
    return shared / "data" / "eval"


def num_lines(*names: str):
    return lambda folder: sum(len(json_lines(folder / name)) for name in names)


def json_lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]


def with_four(name: str):
    return lambda folder: sum(len(row["question"]["choices"]) == 4 for row in json_lines(folder / name))


def num_rows(pattern: str, num_headers: int):
    def count(folder: Path) -> int:
        return sum(
            len(list(csv.reader(file.open(encoding="utf-8", newline="")))) - num_headers
            for file in folder.glob(pattern)
        )

    return count


def num_questions(folder: Path) -> int:
    return sum(len(entry[1]) for entry in json.loads((folder / "CLUE-C3" / "dev_0.json").read_text(encoding="utf-8")))


def num_examples(folder: Path) -> int:
    return sum(
        len(json.loads(file.read_text(encoding="utf-8"))["examples"]) for file in (folder / "bbh").glob("*.json")
    )


COUNTS = {
    "ceval": num_rows("val/*.csv", 1),
    "cmmlu": num_rows("test/*.csv", 1),
    "mmlu": num_rows("data/test/*.csv", 0),
    "arc-c": with_four("ARC-c/ARC-Challenge-Dev.jsonl"),
    "arc-e": with_four("ARC-e/ARC-Easy-Dev.jsonl"),
    "wic": num_lines("val.jsonl"),
    "wsc": num_lines("val.jsonl"),
    "boolq": num_lines("val.jsonl"),
    "commonsense-qa": num_lines("dev_rand_split.jsonl"),
    "c3": num_questions,
    "race-middle": num_lines("test/middle.jsonl"),
    "lcsts": lambda folder: len((folder / "test.src.txt").read_text(encoding="utf-8").splitlines()),
    "eprstmt-dev": num_lines("dev_few_all.json"),
    "lambada": num_lines("test.jsonl"),
    "hellaswag": num_lines("rubriks_cube/hellaswag.jsonl"),
    "siqa": num_lines("dev.jsonl"),
    "bbh": num_examples,
    "math": lambda folder: len(list(folder.glob("MATH/test/*/*.json"))),
    "gsm8k": num_lines("test.jsonl"),
    "aime24": lambda folder: len(json.loads((folder / "aime.json").read_text(encoding="utf-8"))),
    "aime25": lambda folder: len(json.loads((folder / "aime25.json").read_text(encoding="utf-8"))),
}


def items_of(data: Path, name: str) -> list:
    task = tasks.find(name)
    return list(task.items(data / task.folder))


@pytest.mark.parametrize("name", COUNTS)
def test_every_item_is_read_once(data, name):
    task = tasks.find(name)
    for reading in (name, *(f"{name}@{variant}" for variant in task.variants)):
        items = items_of(data, reading)
        assert len(items) == COUNTS[name](data / task.folder) <= task.num_items
        assert len({item.id for item in items}) == len(items)
        if tasks.find(reading).mode == PPL:
            assert all(item.gold in range(len(item.choices)) for item in items)


def test_race_high_is_picked_out_of_a_file_of_both(data):
    items = items_of(data, "race-high")
    assert (
        0
        < len(items)
        == sum(row["example_id"].startswith("high") for row in json_lines(data / "race/rubriks_cube/race.jsonl"))
    )


def test_both_forms_of_hellaswag_say_the_same(data):
    """The published form, put together as the tool's file was, against a plain text of another source: but for capitals and spaces."""
    from zhinao.evaluate.tasks import hellaswag

    def plain(text: str) -> str:
        return "".join(text.split()).lower()

    texts = hellaswag.of_text(data / "hellaswag/klosax/hellaswag_val_full.txt")
    by_query = {plain(query): ([plain(ending) for ending in endings], gold) for query, endings, gold in texts}
    rows = map(hellaswag.of_row, hellaswag.json_lines(data / "hellaswag/rubriks_cube/hellaswag.jsonl"))
    pairs = [
        (by_query.get(plain(query)), ([plain(ending) for ending in endings], gold)) for query, endings, gold in rows
    ]
    both = [(one, other) for one, other in pairs if one]
    assert len(both) > 200 and all(one == other for one, other in both)


def test_a_few_by_eye(data):
    assert items_of(data, "aime25")[0].gold == "70"
    assert items_of(data, "gsm8k")[0].gold == "18" and "ducks lay 16 eggs" in items_of(data, "gsm8k")[0].prompt
    assert items_of(data, "wic")[0].choices[0].endswith("'class' in the above two sentenses are different.")
    assert items_of(data, "arc-c")[0].prompt.endswith("D. Record the details of the investigation.\nAnswer:")
    dialogue = items_of(data, "c3")[0]
    assert dialogue.prompt.startswith("男：听说你们公司要派你去南方工作?女：是呀") and dialogue.gold == "C"
