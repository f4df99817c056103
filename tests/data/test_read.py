"""Where samples come from: containers, folders, patterns, pipes; and that a large file is never in memory."""

import csv
import gzip
import io
import json
import subprocess
import sys
import threading

import pytest

from zhinao.data.read.read import describe, read
from zhinao.data.read.sources import expand
from zhinao.data.sample import Fault, Sample

RECORDS = [{"instruction": f"问 {n}\nline two, with a comma", "input": "", "output": f'答 "{n}"'} for n in range(5)]


def as_csv(delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["instruction", "input", "output"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(RECORDS)
    return text.getvalue().encode()


def as_parquet() -> bytes:
    import pyarrow.parquet

    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(RECORDS), file, row_group_size=2)
    return file.getvalue()


def as_lines() -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)


# file name, bytes, container, line of the second record
CONTAINERS = {
    "lines": ("a.jsonl", as_lines, "lines", 2),
    "lines, any name": ("a.data", as_lines, "lines", 2),
    "lines as .json": ("a.json", as_lines, "lines", 2),
    "lines as .txt": ("a.txt", as_lines, "lines", 2),
    "windows lines": ("a.jsonl", lambda: as_lines().replace(b"\n", b"\r\n\r\n"), "lines", 3),
    "array": ("a.json", lambda: json.dumps(RECORDS, indent=2).encode(), "array", 7),
    "array as .jsonl": ("a.jsonl", lambda: json.dumps(RECORDS, indent=2).encode(), "array", 7),
    "array in one line": ("a.json", lambda: json.dumps(RECORDS).encode(), "array", 1),
    "array, an object a line": ("a.json", lambda: b"[" + as_lines().strip().replace(b"\n", b",\n") + b"]", "array", 2),
    "objects": ("a.json", lambda: "\n".join(json.dumps(r, indent=1) for r in RECORDS).encode(), "objects", 6),
    "csv": ("a.csv", lambda: as_csv(","), "table", 4),
    "csv of a spreadsheet": ("a.csv", lambda: b"\xef\xbb\xbf" + as_csv(";"), "table", 4),
    "tsv": ("a.tsv", lambda: as_csv("\t"), "table", 4),
    "csv, any name": ("a.data", lambda: as_csv(","), "table", 4),
    "parquet": ("a.parquet", as_parquet, "parquet", None),
    "parquet, any name": ("a.data", as_parquet, "parquet", None),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_samples(name, packed, tmp_path):
    file, data, container, line = CONTAINERS[name]
    path = tmp_path / (file + ".gz" * packed)
    path.write_bytes(gzip.compress(data()) if packed else data())
    found = []
    samples = list(read([str(path)], on_file=found.append))
    assert [m["content"] for s in samples for m in s.messages] == [
        text for r in RECORDS for text in (r["instruction"], r["output"])
    ]
    assert [s.place.record for s in samples] == [1, 2, 3, 4, 5]
    assert samples[1].place.line == line
    assert (found[0].container, found[0].format, found[0].is_gzip) == (container, "alpaca", packed)
    assert [f.format for f in describe([str(path)])] == ["alpaca"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_standard_input_is_read_as_it_comes(name, monkeypatch):
    """In small pieces, as a pipe gives them."""

    class Pipe(io.RawIOBase):
        def __init__(self, data):
            self.rest = io.BytesIO(data)

        def readable(self):
            return True

        def read(self, size=-1):
            return self.rest.read(min(size, 7) if size >= 0 else size)

    _, data, container, _ = CONTAINERS[name]
    monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": Pipe(data())}))
    found = []
    if name == "lines as .txt":
        container = "lines"
    samples = list(read(["-"], on_file=found.append))
    assert len(samples) == 5
    assert str(samples[0].place).startswith("-, ")
    assert (found[0].container, found[0].source) == (container, "-")
    assert describe(["-"]) == []


def test_plain_text_by_lines_blocks_and_as_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n第一行\n第二行\n\n\n[第三] {行}\n  末行 \n", encoding="utf-8")

    def places(format):
        return [(s.place.line, s.text) for s in read([str(path)], format=format)]

    assert places(None) == places("text") == [(2, "第一行"), (3, "第二行"), (6, "[第三] {行}"), (7, "  末行 ")]
    assert places("text-blocks") == [(2, "第一行\n第二行"), (6, "[第三] {行}\n  末行 ")]
    assert places("text-file") == [(2, "第一行\n第二行\n\n\n[第三] {行}\n  末行 ")]
    assert str(describe([str(path)])[0]) == f"{path}: plain text, a line a document, text"


def test_folders_are_searched_sorted_and_tell_what_they_left(tmp_path):
    for name in ("b.jsonl", "a/z.txt", "a/c.JSONL.GZ", ".hidden.jsonl", ".git/x.jsonl", "README.md", "a/model.bin"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        text = b'{"text": "%s"}\n' % name.encode()
        path.write_bytes(gzip.compress(text) if name.endswith("GZ") else text)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert [s.text for s in read([str(tmp_path)])] == ["a/c.JSONL.GZ", "a/z.txt", "b.jsonl"]
    found = expand([str(tmp_path)])
    assert found.skipped == (f"{tmp_path}/README.md", f"{tmp_path}/a/model.bin")
    assert found.num_bytes == sum((tmp_path / n).stat().st_size for n in ("b.jsonl", "a/z.txt", "a/c.JSONL.GZ"))
    assert [s.text for s in read([f"{tmp_path}/**/*.txt", f"{tmp_path}/?.jsonl"])] == ["a/z.txt", "b.jsonl"]
    assert [s.text for s in read([f"{tmp_path}/**"])] == ["a/c.JSONL.GZ", "a/z.txt", "b.jsonl"]
    assert [s.text for s in read([f"{tmp_path}/b.jsonl"] * 2)] == ["b.jsonl"] * 2


def test_files_of_one_run_may_have_different_formats(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"instruction": "a", "output": "b", "id": 7, "source": null}\n' * 3)
    (tmp_path / "b.jsonl").write_text('{"conversations": [{"from": "human", "value": "a", "mood": "x"}]}\n')
    found = []
    assert len(list(read([str(tmp_path)], on_file=found.append))) == 4
    assert [(f.format, f.num_samples, +f.ignored) for f in found] == [
        ("alpaca", 3, {"id": 3}),
        ("sharegpt", 1, {"conversations[].mood": 1}),
    ]


def test_a_file_is_told_once_and_when_its_format_is_known(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('oops\n{"text": "a"}\n{"text": 1}\n')
    told = []
    items = read([str(path)], on_file=told.append)
    assert isinstance(next(items), Fault) and not told
    assert isinstance(next(items), Sample) and told[0].format == "text"
    assert isinstance(next(items), Fault)
    assert list(items) == [] and len(told) == 1
    assert (told[0].num_samples, told[0].num_faults) == (1, 2)
    path.write_text("oops\n")
    assert str(describe([str(path)])[0]) == f"{path}: JSON lines, no known format"


def test_lists_in_table_cells_are_json(tmp_path):
    messages = [{"role": "user", "content": 'a "b"'}, {"role": "assistant", "content": "c"}]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "messages", "tools"], [1, json.dumps(messages), ""]])
    [sample] = read([str(tmp_path / "a.csv")])
    assert (sample.messages, sample.tools) == (messages, None)


def test_nulls_that_parquet_adds_are_no_fields(tmp_path):
    import pyarrow.parquet

    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    rows = [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "tool_calls": [call]}]},
        {"messages": [{"role": "user", "content": "a", "weight": 0.0}, {"role": "assistant", "content": "b"}]},
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = []
    one, two = read([str(tmp_path / "a.parquet")], on_file=found.append)
    assert one.messages[1]["tool_calls"] == [call]
    assert two.messages == [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert str(one.place) == f"{tmp_path}/a.parquet, record 1" and not +found[0].ignored


def test_parquet_tells_how_far_it_is(tmp_path):
    (tmp_path / "a.parquet").write_bytes(as_parquet())
    counts = []
    assert len(list(read([str(tmp_path / "a.parquet")], on_bytes=counts.append))) == 5
    assert sum(counts) >= (tmp_path / "a.parquet").stat().st_size


def test_one_long_line_of_chinese_is_utf8_wherever_the_look_ahead_ends(tmp_path):
    for num in range(4):
        path = tmp_path / "a.json"
        path.write_text('[{"text": "' + "x" * num + "啊" * 40_000 + '"}]', encoding="utf-8")
        assert len(list(read([str(path)]))) == 1


def test_text_that_begins_like_json(tmp_path):
    path = tmp_path / "notes"
    path.write_text("[Chapter 1]\n{name}\n")
    assert [s.text for s in read([str(path)], format="text")] == ["[Chapter 1]", "{name}"]
    path.write_text('{"text": "a"}\n')
    assert [s.text for s in read([str(path)], format="text")] == ["a"]


def test_parquet_without_its_package_names_the_extra(tmp_path, monkeypatch):
    from zhinao.errors import MissingExtraError

    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"zhinao\[train\]"):
        list(read([str(tmp_path / "a.parquet")]))


@pytest.mark.parametrize("size", [3, 64, 1000, 2**20])
def test_an_array_is_the_same_whatever_the_size_of_pieces(size, tmp_path, monkeypatch):
    """Numbers, words, escapes and characters of several bytes are cut at every place."""
    from zhinao.data.read.containers import json_array

    monkeypatch.setattr(json_array, "NUM_CHUNK_BYTES", size)
    records = [{"text": '好😀\\"\n' * n, "n": 1234.5, "yes": True, "no": None, "in": [{}, []]} for n in range(30)]
    for text in (json.dumps(records), json.dumps(records, ensure_ascii=False, indent=3)):
        path = tmp_path / "a.json"
        path.write_text(text, encoding="utf-8")
        assert [s.text for s in read([str(path)])] == [r["text"] for r in records]
        starts = [n for n, line in enumerate(text.split("\n"), 1) if line == "   {"] or [1] * 30
        assert [s.place.line for s in read([str(path)])] == starts


MEASURE = """
import resource, sys
from zhinao.data.read.read import read
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
num = sum(1 for _ in read([sys.argv[1]]) if not _.messages[0]["content"] == "")
print(num, peak())
"""


@pytest.mark.parametrize("form", ["jsonl", "json", "jsonl.gz", "csv"])
def test_a_large_file_is_never_in_memory(form, tmp_path):
    """60 MB of records are read in a process that may not grow by more than 12 MB over reading 1 MB of them."""

    def peak(num: int) -> float:
        path = tmp_path / f"{num}.{form}"
        write_large(path, form, num)
        out = subprocess.run([sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, text=True)
        path.unlink()
        assert int(out.stdout.split()[0]) == num
        return float(out.stdout.split()[1])

    assert peak(60_000) - peak(1000) < 12


def write_large(path, form: str, num: int) -> None:
    record = {"instruction": "春天来了" * 40, "output": "花开了。" * 40}  # 1 kB
    line = json.dumps(record, ensure_ascii=False)
    open_ = gzip.open if form.endswith("gz") else open
    with open_(path, "wt", encoding="utf-8", **({"compresslevel": 1} if form.endswith("gz") else {})) as file:
        if form == "csv":
            file.write("instruction,output\n")
            line = ",".join(record.values())
        file.write("[" if form == "json" else "")
        for n in range(num):
            file.write(line + ("\n" if form != "json" else ",\n" if n < num - 1 else "]"))


def test_a_reader_that_is_left_closes_its_file(tmp_path):
    import psutil

    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n' * 1000)
    items = read([str(path)])
    next(items)
    assert str(path) in [f.path for f in psutil.Process().open_files()]
    items.close()
    assert str(path) not in [f.path for f in psutil.Process().open_files()]


def test_bytes_are_counted_as_they_are_on_the_disk(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n' * 20_000))
    counts = []
    assert len(list(read([str(path)], on_bytes=counts.append))) == 20_000
    assert sum(counts) == path.stat().st_size


def test_a_pipe_that_stays_open_is_not_waited_for_longer_than_needed(tmp_path):
    """Samples come while the writer still writes, once the look ahead is full."""
    script = (
        "import sys\nfrom zhinao.data.read.read import read\nfor s in read(['-']): print(s.text[:1], flush=True); break"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    line = json.dumps({"text": "x" * 1000}).encode() + b"\n"
    writer = threading.Thread(target=lambda: [process.stdin.write(line) for _ in range(3000)], daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda *_: None)  # the reader leaves early
        writer.start()
        assert process.stdout.readline() == b"x\n"
        process.wait(20)
        writer.join(20)


def test_the_real_files(shared):
    folder = shared / "data" / "sft"
    found = []
    items = list(read([str(folder)], on_file=found.append))
    assert not [item for item in items if isinstance(item, Fault)]
    assert {f.source.rpartition("/")[2]: (f.container, f.format, f.num_samples) for f in found} == {
        "alpaca_en_demo.json": ("array", "alpaca", 999),
        "alpaca_zh_demo.json": ("array", "alpaca", 1000),
        "dpo_zh_demo.json": ("array", "preference", 300),
        "identity.json": ("array", "alpaca", 91),
        "v1_sft_demo.jsonl": ("lines", "messages", 500),
        "wiki_demo.txt": ("text", "text", 30),
    }
    assert not any(+f.ignored for f in found)
