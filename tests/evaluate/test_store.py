"""A run's folder: what it refuses."""

import errno

import pytest

from zhinao.errors import DiskError, UsageError
from zhinao.evaluate.run import store
from zhinao.evaluate.run.store import Store

IDENTITY = {"model": "a", "seed": 42, "limit": 10}
RECORD = {"task": "t", "id": "1", "prompt_hash": "0"}


@pytest.mark.parametrize(("name", "value"), [("model", "b"), ("seed", 1), ("limit", None)])
def test_another_run(tmp_path, name, value):
    Store(tmp_path, IDENTITY).close()
    with pytest.raises(UsageError, match=name):
        Store(tmp_path, IDENTITY | {name: value})


def test_something_else_in_the_folder(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="something else"):
        Store(tmp_path, IDENTITY)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_place(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(DiskError):
        Store(tmp_path / "run", IDENTITY)


@pytest.mark.parametrize("text", ["[]", "{", "7"])
def test_damaged_run(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError, match="damaged"):
        Store(tmp_path, IDENTITY)


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"task": 1, "id": "1", "prompt_hash": "0"}'])
def test_damaged_line_is_named(tmp_path, line):
    with Store(tmp_path, IDENTITY) as one:
        one.add(RECORD)
    with open(tmp_path / "items.jsonl", "a") as file:
        file.write(line + "\n")
    with pytest.raises(UsageError, match="line 2"):
        Store(tmp_path, IDENTITY)


def test_full_disk(tmp_path):
    class Full:
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    one = Store(tmp_path, IDENTITY)
    one.close()
    one._file = Full()
    with pytest.raises(DiskError, match="disk is full"):
        one.add(RECORD)
    assert not one.records


@pytest.mark.parametrize("text", [None, "{", "[]", '{"tasks": 1}'])
def test_no_results(tmp_path, text):
    if text:
        (tmp_path / "results.json").write_text(text)
    with pytest.raises(UsageError, match="holds no results"):
        store.results_of(tmp_path)


def test_two_commands_on_one_folder(tmp_path):
    """The second is refused, and leaves the line alone that the first is just writing."""
    with Store(tmp_path, IDENTITY):
        (tmp_path / "items.jsonl").write_text('{"task": "t", "id"')
        with pytest.raises(UsageError, match="Another command"):
            Store(tmp_path, IDENTITY)
        assert (tmp_path / "items.jsonl").read_text() == '{"task": "t", "id"'
