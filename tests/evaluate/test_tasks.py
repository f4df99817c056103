"""Every benchmark in the folder, on hand-written files in its original format: items come out, and a broken file is a sentence.

A new task needs no line here: it is found, and its sample lies under `data/` in the folder that the task names.
"""

import json
import shutil
from pathlib import Path

import pytest

from zhinao.errors import UsageError
from zhinao.evaluate import tasks
from zhinao.evaluate.task import GENERATION, LETTER, MODES, PPL, SAMPLES

DATA = Path(__file__).parent / "data"
NAMES = tasks.names()
READINGS = [name for task in NAMES for name in (task, *(f"{task}@{variant}" for variant in tasks.find(task).variants))]


def items_of(name: str, data: Path = DATA) -> list:
    task = tasks.find(name)
    return list(task.items(data / task.folder))


@pytest.mark.parametrize("name", READINGS)
def test_items_of_the_sample(name):
    task, items = tasks.find(name), items_of(name)
    assert items and len({item.id for item in items}) == len(items)
    for item in items:
        if task.mode in (PPL, LETTER):
            assert len(item.choices) > 1 and item.gold in range(len(item.choices))
        else:
            assert item.prompt and not item.choices
        json.dumps([item.gold, dict(item.facts)])
    assert (task.mean == "subsets") <= all(item.subset for item in items)


@pytest.mark.parametrize("name", READINGS)
def test_what_a_task_says_of_itself(name):
    task = tasks.find(name)
    assert task.name == name.partition("@")[0] and task.mode in MODES and task.num_items > 0
    assert task.title and task.protocol and "\n" not in task.protocol and task.language in ("zh", "en")
    if task.mode in (GENERATION, SAMPLES):
        assert task.grade
    if task.mode == SAMPLES:
        assert task.num_samples > 1 and task.sampling["temperature"] > 0


@pytest.mark.parametrize("name", [name for name in NAMES if tasks.find(name).variants])
def test_the_first_variant_is_the_default(name):
    task = tasks.find(name)
    first = next(iter(task.variants.values()))
    assert first.protocol == task.protocol
    assert items_of(name) == list(first.items(DATA / task.folder))
    assert len({variant.protocol for variant in task.variants.values()}) == len(task.variants)


def test_names_that_are_none():
    assert tasks.find("nonsense") is None and tasks.find("arc-c@nonsense") is None and tasks.find("_arc") is None


def test_items_are_the_same_in_every_run():
    assert all(items_of(name) == items_of(name) for name in NAMES)


WITH_FILES = [name for name in NAMES if tasks.find(name).folder]


@pytest.mark.parametrize("name", WITH_FILES)
def test_missing_data_is_a_sentence_with_the_command_that_gets_it(name, tmp_path):
    with pytest.raises(UsageError) as raised:
        items_of(name, tmp_path)
    assert str(tmp_path) in str(raised.value) and "docs/evaluation.md" in str(raised.value)


def copied(name: str, tmp_path: Path) -> list[Path]:
    """The files of a task's sample, in a folder of their own."""
    folder = tasks.find(name).folder
    shutil.copytree(DATA / folder, tmp_path / folder)
    return sorted(file for file in (tmp_path / folder).rglob("*") if file.is_file())


# Plain texts have no form that could be damaged.
FORMS = (".json", ".jsonl", ".csv")


@pytest.mark.parametrize("name", WITH_FILES)
def test_a_damaged_file_is_named(name, tmp_path):
    files = [file for file in copied(name, tmp_path) if file.suffix in FORMS]
    named = 0
    for file in files:
        kept = file.read_bytes()
        file.write_bytes(kept[: len(kept) // 2].rstrip(b"}]\n ") + b'\n{"broken\xff')
        named += is_refused(name, tmp_path, file)
        file.write_bytes(kept)
    assert named or not files


def is_refused(name: str, data: Path, file: Path) -> bool:
    """Whether reading ends with a sentence, which must name the file. A task may need only some of its folder's files."""
    try:
        items_of(name, data)
    except UsageError as error:
        assert str(file) in str(error)
        return True
    return False


@pytest.mark.parametrize("name", WITH_FILES)
def test_a_missing_field_is_named_with_its_line(name, tmp_path):
    files = [file for file in copied(name, tmp_path) if file.suffix in (".json", ".jsonl") and is_of_objects(file)]
    needed = sum(is_needed(name, tmp_path, file, field) for file in files for field in fields(file))
    assert needed or not files


def is_of_objects(file: Path) -> bool:
    return first_record(file) is not None


def first_record(file: Path) -> dict | None:
    text = file.read_text(encoding="utf-8")
    try:
        value = json.loads(text)
    except ValueError:
        value = json.loads(text.split("\n")[0])
    value = value[0] if isinstance(value, list) else value
    return value if isinstance(value, dict) else None


def fields(file: Path) -> list[str]:
    return list(first_record(file) or ())


def is_needed(name: str, data: Path, file: Path, field: str) -> bool:
    """Whether the task refuses the file when its first record lacks the field; the sentence then names both."""
    kept = file.read_text(encoding="utf-8")
    record = {key: value for key, value in (first_record(file) or {}).items() if key != field}
    file.write_text(with_first(kept, record), encoding="utf-8")
    try:
        items_of(name, data)
    except UsageError as error:
        assert str(file) in error.message.english and f'"{field}"' in error.message.english
        return True
    finally:
        file.write_text(kept, encoding="utf-8")
    return False


def with_first(text: str, record: dict) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return "\n".join([json.dumps(record), *text.split("\n")[1:]])
    return json.dumps([record, *value[1:]] if isinstance(value, list) else record)
