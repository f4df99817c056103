"""`zhinao data convert`: what is written, what is said of it, and that nothing is lost or half there."""

import errno
import gzip
import json
import sys

import pytest

from zhinao import cli, outfile
from zhinao.data.read.read import read
from zhinao.data.sample import Fault
from zhinao.errors import DiskError, UsageError

CHAT = {"messages": [{"role": "user", "content": "你好 {{x}}"}, {"role": "assistant", "content": "{{name}}"}], "id": 3}


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(CHAT) + "\n" + json.dumps(CHAT | {"id": None}) + "\n")
    return path


def convert(*words) -> int:
    return cli.main(["data", "convert", *map(str, words)])


def test_what_is_written_and_said(data, tmp_path, capsys):
    out = tmp_path / "new" / "b.json"
    assert convert(data, "--to", "sharegpt", "--output", out, "--set", "name=智脑", "nobody=1") == 0
    turns = [{"from": "human", "value": "你好 {{x}}"}, {"from": "gpt", "value": "智脑"}]
    assert json.loads(out.read_text(encoding="utf-8")) == [{"conversations": turns}] * 2
    said, err = capsys.readouterr()
    assert (said, err.splitlines()) == (
        "",
        [
            f"{data}: JSON lines, messages (2)",
            "  fields not kept: id (1)",
            "--set nobody: {{nobody}} occurs nowhere",
            f"{out}: 2 written",
        ],
    )


@pytest.mark.parametrize("name", ["b.jsonl", "b.json", "b.jsonl.gz", "b.json.gz"])
def test_every_file_is_read_back_the_same_and_made_the_same_again(data, tmp_path, name):
    for folder in ("one", "two"):
        assert convert(data, "-o", tmp_path / folder / name) == 0
    assert [s.messages for s in read([str(tmp_path / "one" / name)])] == [CHAT["messages"]] * 2
    made = (tmp_path / "one" / name).read_bytes()
    assert made == (tmp_path / "two" / name).read_bytes()
    assert not name.endswith("gz") or made[4:8] == bytes(4)  # no time in it
    assert [path.name for path in (tmp_path / "one").iterdir()] == [name]


def test_standard_output(data, capsys):
    assert convert(data, "-o", "-", "--to", "alpaca") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"instruction": "你好 {{x}}", "input": "", "output": "{{name}}"}
    ] * 2


def test_documents_as_plain_text(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"text": "一"}\n{"text": "a\\nb"}\n{"text": ""}\n{"text": "二 "}\n')
    words = (tmp_path / "a.jsonl", "-o", tmp_path / "b.txt")
    assert convert(*words) == 10
    err = capsys.readouterr().err
    assert f"{tmp_path}/a.jsonl, line 2, text: has line breaks or is blank" in err
    assert f"{tmp_path}/a.jsonl, line 3, text: has line breaks or is blank" in err
    assert "2 could not be taken over" in err and not (tmp_path / "b.txt").exists()
    assert convert(*words, "--skip-faults") == 0
    assert (tmp_path / "b.txt").read_text(encoding="utf-8") == "一\n二 \n"
    assert "2 left out" in capsys.readouterr().err


def test_a_conversation_is_no_plain_text(data, tmp_path, capsys):
    assert convert(data, "-o", tmp_path / "b.txt") == 10
    assert "line 1: only --to text can be written as .txt" in capsys.readouterr().err


def test_many_faults_are_counted_not_all_shown(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text("oops\n" * 50 + '{"text": "a"}\n')
    assert convert(tmp_path / "a.jsonl", "-o", tmp_path / "b.jsonl") == 10
    err = capsys.readouterr().err
    assert err.count(": is no JSON") == 20
    assert "… and 30 more\nzhinao: 50 could not be taken over.\n  → no file was written" in err
    assert convert(tmp_path / "a.jsonl", "-o", tmp_path / "b.jsonl", "--skip-faults") == 0
    assert (tmp_path / "b.jsonl").read_text() == '{"text": "a"}\n'


def test_one_file_has_one_format(data, tmp_path, capsys):
    (tmp_path / "b.jsonl").write_text('{"text": "a"}\n')
    assert convert(data, tmp_path / "b.jsonl", "-o", tmp_path / "c.jsonl") == 10
    assert f"{tmp_path}/b.jsonl, line 1: messages holds no text samples" in capsys.readouterr().err


def test_a_file_that_is_there_is_replaced_only_when_asked_and_only_by_a_whole_one(data, tmp_path, capsys, monkeypatch):
    before = data.read_bytes()
    assert convert(data, "-o", data) == UsageError.exit_code
    assert f"{data}: is there already.\n  → --force replaces it" in capsys.readouterr().err

    def full(*_, **__):
        raise outfile.cannot_write(data, OSError(errno.ENOSPC, "No space left on device"))

    with monkeypatch.context() as patch:
        patch.setattr(outfile.Raw, "write", full)
        assert convert(data, "-o", data, "--force") == DiskError.exit_code
    assert "cannot be written (the disk is full)" in capsys.readouterr().err
    assert data.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert convert(data, "-o", data, "--force", "--to", "conversations") == 0
    assert [s.messages for s in read([str(data)])] == [CHAT["messages"]] * 2


def test_a_stop_in_the_middle_leaves_nothing(data, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("zhinao.data.commands.convert.formats.write", stop)
    assert convert(data, "-o", tmp_path / "b.jsonl") == 130
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("name", ["b.parquet", "b.csv", "b"])
def test_names_that_are_not_written(data, tmp_path, name, capsys):
    assert convert(data, "-o", tmp_path / name) == UsageError.exit_code
    assert f"{tmp_path / name}: the name must end in .jsonl, .json or .txt" in capsys.readouterr().err


def test_what_a_folder_left_is_told(data, tmp_path, capsys):
    (tmp_path / "README.md").touch()
    assert convert(tmp_path, "-o", tmp_path / "out" / "b.jsonl") == 0
    assert f"not read, no data by its name: {tmp_path}/README.md" in capsys.readouterr().err


def test_the_chosen_format_and_standard_input(monkeypatch, capsys):
    import io

    stdin = type("Stdin", (), {"buffer": io.BytesIO("第一\n\n第二\n第三\n".encode())})
    monkeypatch.setattr(sys, "stdin", stdin)
    assert convert("-", "--format", "text-blocks", "-o", "-") == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["第一", "第二\n第三"]
    assert err.startswith("-: plain text, blank lines between documents, text (2)\n")


def test_a_bar_on_a_terminal(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert convert(data, "-o", tmp_path / "b.jsonl") == 0
    assert (tmp_path / "b.jsonl").exists()


def test_the_real_files_go_through_and_back(shared, tmp_path):
    folder = shared / "data" / "sft"
    for name, via in {
        "alpaca_zh_demo.json": "alpaca",
        "identity.json": "sharegpt",
        "v1_sft_demo.jsonl": "conversations",
        "dpo_zh_demo.json": "preference",
        "wiki_demo.txt": "text",
    }.items():
        out = tmp_path / f"{via}.jsonl.gz"
        assert convert(folder / name, "--to", via, "-o", out) == 0
        pairs = list(zip(read([str(folder / name)]), read([str(out)]), strict=True))
        assert not any(isinstance(item, Fault) for pair in pairs for item in pair)
        for one, other in pairs:
            assert (one.messages, one.chosen, one.rejected, one.text) == (
                other.messages,
                other.chosen,
                other.rejected,
                other.text,
            )
    assert gzip.decompress((tmp_path / "text.jsonl.gz").read_bytes()).count(b"\n") == 30
