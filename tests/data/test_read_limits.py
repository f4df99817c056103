"""What a stranger's file or folder may cost: a record has a size, a pipe among the files is not waited for, links end."""

import contextlib
import gzip
import io
import os
import socket
import time

import pytest
from tests.tiny_tokenizer import make_tokenizer

from zhinao import cli, lang
from zhinao.data.read.containers import json_array, parquet, plain_text, stream, table
from zhinao.data.read.read import read
from zhinao.data.read.sources import expand
from zhinao.data.sample import DataError, Fault

LIMIT = 2**17
NUM_FILL = 2**22

# file name, its beginning, what follows again and again, the format that is named, where the record begins
ENDLESS = {
    "array": ("a.json", '[{"question":"', "a", None, 1),
    "array: second": ("a.json", '[\n{"text": "x"},\n{"text": "', "a", None, 3),
    "array: in Chinese": ("a.json", '[\n{"text": "x"},\n{"text": "', "好", None, 3),
    "array: over lines": ("a.json", '[\n{"text": "x"},\n{"text": [', "1,\n", None, 3),
    "objects": ("a.json", '{\n"text": "', "a", None, 1),
    "lines": ("a.jsonl", '{"text": "x"}\n{"text": "', "a", None, 2),
    "csv: open quote": ("a.csv", 'text\nx\n"', "a", None, 3),
    "csv: open quote over lines": ("a.csv", 'text\nx\n"', "a\n", None, 3),
    "csv: many cells": ("a.csv", "text\nx\n", '"a\n",', None, 3),
    "csv: header": ("a.csv", "text,", "b", None, 1),
    "text": ("a.txt", "x\n", "a", None, 2),
    "text: as one": ("a.txt", "", "a\n\n", "text-file", 1),
    "text: blank lines": ("a.txt", "a\nb", "\n", "text-file", 1),
    "text: a block": ("a.txt", "x\n\n", "a\n", "text-blocks", 3),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    for module in (stream, json_array, parquet, plain_text, table):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", LIMIT)


@pytest.mark.parametrize("name", ENDLESS)
def test_a_record_without_an_end_is_a_sentence_before_it_is_read(name, tmp_path):
    file, start, fill, format, line = ENDLESS[name]
    path, num_read = tmp_path / file, []
    is_blank = name == "text: blank lines"  # alone they cost nothing
    num = 2 * LIMIT if is_blank else NUM_FILL // len(fill.encode())
    path.write_text(start + fill * num + "b" * is_blank, encoding="utf-8")
    with pytest.raises(DataError) as error:
        list(read([str(path)], format=format, on_bytes=num_read.append))
    assert str(error.value).startswith(f"{path}, line {line}: the record has more than 0 MiB."), error.value
    assert sum(num_read) < NUM_FILL // 2
    lang.choose("zh")
    with pytest.raises(DataError, match=f"第 {line} 行：这条数据超过"):
        list(read([str(path)], format=format))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tokenizer(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("verb", ["convert", "split", "check", "view"])
def test_a_bomb_of_gzip_is_a_sentence_for_every_verb(verb, tmp_path, capsys, model):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b'[{"question":"' + b"a" * NUM_FILL, 1))
    output = ["--output", str(tmp_path / "out")] if verb == "split" else ["--output", str(tmp_path / "out.jsonl")]
    rest = output if verb in ("convert", "split") else ["--model", str(model)]
    assert cli.main(["data", verb, str(path), *rest]) == DataError.exit_code
    assert f"{path}, line 1: the record has more than" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_what_is_as_large_as_allowed_is_read(tmp_path):
    for name, start, end in (
        ("a.json", '[{"text":"', '"}]'),
        ("a.jsonl", '{"text":"', '"}\n'),
        ("a.csv", "text\n", "\n"),
    ):
        path = tmp_path / name
        size = LIMIT - len(start + end)
        path.write_text(start + "a" * size + end)
        assert [len(item.text) for item in read([str(path)])] == [size], name


def test_space_and_many_records_have_no_limit(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[" + " \n" * LIMIT + ",".join(['{"text":"a"}'] * 12_000) + " " * 2 * LIMIT + "]")
    assert sum(1 for _ in read([str(path)])) == 12_000


def test_a_fault_is_still_told_where_what_follows_is_large(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[\n  {"text": },\n' + "a" * NUM_FILL)
    with pytest.raises(DataError, match="line 2: is no JSON: expecting value"):
        list(read([str(path)]))


def repeated(size: int, num: int, **how) -> bytes:
    """A parquet file with one text of `size`, which stands in it once, in `num` rows."""
    import pyarrow as pa
    import pyarrow.parquet

    texts = pa.DictionaryArray.from_arrays(pa.array([0] * num, pa.int32()), ["a" * size])
    file = io.BytesIO()
    pa.parquet.write_table(pa.table({"text": texts}), file, store_schema=False, compression="zstd", **how)
    return file.getvalue()


def test_rows_of_parquet_are_taken_by_the_size_of_what_they_share(tmp_path, monkeypatch):
    """1 MB of text, in a few hundred bytes, for 300 rows: some MB are in memory."""
    import pyarrow as pa

    path = tmp_path / "a.parquet"
    path.write_bytes(repeated(2**20, 300))
    assert path.stat().st_size < 2**11
    monkeypatch.setattr(parquet, "MAX_RECORD_BYTES", 2**22)
    monkeypatch.setattr(parquet, "_MAX_BATCH_BYTES", 2**23)
    before, most = pa.total_allocated_bytes(), 0
    for num, item in enumerate(read([str(path)]), start=1):
        assert len(item.text) == 2**20
        assert item.place.record == num
        most = max(most, pa.total_allocated_bytes() - before)
    assert num == 300
    assert most < 2**25


def test_a_row_of_parquet_that_is_too_large(tmp_path):
    import pyarrow.parquet

    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["x", "y", "a" * 2 * LIMIT, "z"]}), path)
    items = read([str(path)])
    assert [next(items).text, next(items).text] == ["x", "y"]
    with pytest.raises(DataError, match="record 3: the record has more than"):
        next(items)


def test_many_names_are_looked_through_once(tmp_path):
    """A header of 200,000 columns, and an object with as many keys and one of them twice: seconds, were each compared with all."""
    names = [f"a{n}" for n in range(200_000)]
    (tmp_path / "a.csv").write_text(",".join(["text", *names, "a199999"]) + "\nx\n")
    (tmp_path / "a.jsonl").write_text("{" + ",".join(f'"{name}":1' for name in [*names, "a199999"]) + "}\n")
    for module in (stream, table):
        module.MAX_RECORD_BYTES = 2**26
    start = time.monotonic()
    with pytest.raises(DataError, match="'a199999' is there twice"):
        list(read([str(tmp_path / "a.csv")]))
    [fault] = read([str(tmp_path / "a.jsonl")])
    assert isinstance(fault, Fault)
    assert "'a199999' is there twice" in str(fault)
    assert time.monotonic() - start < 5


def test_only_files_of_a_folder_are_read(tmp_path, capsys):
    """A pipe would be waited for for ever; it is named."""
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    os.mkfifo(tmp_path / "f.csv")
    (tmp_path / "gone.json").symlink_to(tmp_path / "nothing")
    (tmp_path / "zero.txt").symlink_to("/dev/zero")
    found = expand([str(tmp_path)])
    assert found.files == (f"{tmp_path}/a.jsonl",)
    assert found.skipped == tuple(f"{tmp_path}/{name}" for name in ("f.csv", "gone.json", "zero.txt"))
    assert cli.main(["data", "convert", str(tmp_path), "--output", "-"]) == 0
    assert f"not read, a pipe, a device or a link to nothing: {tmp_path}/f.csv" in capsys.readouterr().err


def test_process_substitution_is_read():
    receiving, sending = os.pipe()
    os.write(sending, b'{"text": "a"}\n')
    os.close(sending)
    try:
        assert [item.text for item in read([f"/dev/fd/{receiving}"])] == ["a"]
    finally:
        os.close(receiving)


def test_links_in_circles_end(tmp_path, monkeypatch):
    """Two links upwards in one folder make 2 ** 40 ways of 40 steps."""
    inner = tmp_path / "in" / "ner"
    inner.mkdir(parents=True)
    (inner / "a.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "b.jsonl").write_text('{"text": "b"}\n')
    for name in ("x", "y", "z"):
        (inner / name).symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    both = ["b.jsonl", "in/ner/a.jsonl"]
    for pattern, expected in {
        f"{tmp_path}": [f"{tmp_path}/{name}" for name in both],
        f"{tmp_path}/**": [f"{tmp_path}/{name}" for name in both],
        f"{tmp_path}/**/*.jsonl": [f"{tmp_path}/{name}" for name in both],
        f"{tmp_path}/i*/**/a.*": [f"{tmp_path}/in/ner/a.jsonl"],
        f"{tmp_path}/**/ner/**/a.*": [f"{tmp_path}/in/ner/a.jsonl"],
        "**": both,
        "**/*.jsonl": both,
        "in/**": ["in/ner/a.jsonl", "in/ner/x/b.jsonl"],
    }.items():
        assert sorted(expand([pattern]).files) == expected, pattern


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in its file system")
@pytest.mark.parametrize("words", [("check",), ("split", "--output", "parts"), ("convert", "--output", "out.jsonl")])
def test_a_pipe_or_a_device_named_outright_is_refused_at_once(tmp_path, capsys, monkeypatch, words):
    """Nobody writes into the pipe: whoever opened it would wait for ever."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.jsonl")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as line:
        line.bind("line.jsonl")
        for name in ("pipe.jsonl", "line.jsonl", "/dev/zero"):
            assert cli.main(["data", words[0], name, *words[1:]]) == DataError.exit_code
            seen = capsys.readouterr().err
            assert name in seen and "not a regular file" in seen and "name -" in seen
