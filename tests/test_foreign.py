"""What strangers' files may say: names and JSON."""

import os
import threading

import pytest

from zhinao import foreign
from zhinao.errors import CheckpointError
from zhinao.model import architecture, checkpoint, tokenizer_folder, tokenizer_trial
from zhinao.model.gguf.file import GgufFile

LEAVES = [
    "../x.json", "a/../../x", "..", "/etc/passwd", "//host/share/x", "C:\\x", "c:x.json", "C:/x", "..\\x", "a\\b.json", "~/x",
    "~root/x", "x\0.json", "", None, 7, ["a"], "vocab/../../360.tiktoken",
]  # fmt: skip
ODD = [
    "con", "CON.json", "aux.safetensors", "com1.txt", "vocab/nul.tiktoken", "model.json.", "model.json ", " model.json", "a//b",
    "a/", "./a", "a/./b", "x" * 300 + ".json", "字" * 100 + ".json", "/".join("abcdefghij"), "a\nb.json", "a\x1b[2J.json", "a\x9b.json",
    "model.json::$DATA", 'a"b', "a?b", "a|b", "\ud800.json",
]  # fmt: skip
PLAIN = [
    "config.json", "model-00001-of-00002.safetensors", "vocab/360.tiktoken", "模型.json", "a b.json", "..json", "a..b.json", ".a", "connect",
    "additional_chat_templates/tool_use.jinja", "a-{b}[c](d)+e,f=g@h!.txt",
]  # fmt: skip


@pytest.mark.parametrize("name", LEAVES, ids=repr)
def test_names_that_leave(name):
    assert foreign.leaves(name) and not foreign.is_plain(name)


@pytest.mark.parametrize("name", ODD, ids=lambda name: ascii(name)[:30])
def test_names_that_some_system_takes_for_something_else(name):
    assert not foreign.leaves(name) and not foreign.is_plain(name)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names(name):
    assert foreign.is_plain(name)


@pytest.mark.parametrize("name", ["x" * 500, "\x1b[2J", "a\nb", "\ud800"], ids=ascii)
def test_a_strangers_word_is_printable_and_short(name):
    assert foreign.shown(name).isprintable() and len(foreign.shown(name)) <= 120


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000], ids=["open", "object", "whole"]
)
def test_deep_json_is_a_value_error(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"nests too deeply|Expecting"):
        foreign.read_json(tmp_path / "a.json")


def test_json_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ValueError, match="too much"):
        foreign.read_json(tmp_path / "a.json")


def _raised(call, *args) -> Exception:
    """What it raises, soon: whoever opens a pipe waits for ever for the other end."""
    caught = []

    def calling():
        try:
            call(*args)
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=calling, daemon=True)
    thread.start()
    thread.join(5)
    assert caught, "it waits"
    return caught[0]


@pytest.mark.parametrize(
    "name, read",
    [
        ("config.json", foreign.read_json),
        ("config.json", lambda file: architecture.read(file.parent)),
        ("model.safetensors", checkpoint.read_header),
        ("tokenizer.json", tokenizer_trial.check),
        ("tokenizer_config.json", lambda file: tokenizer_folder.read_config(file.parent)),
        ("360.tiktoken", lambda file: tokenizer_folder.load_backend(file.parent, {})),
        ("model.gguf", GgufFile),
    ],
    ids=["json", "config", "safetensors", "tokenizer", "tokenizer config", "tiktoken", "gguf"],
)
def test_a_pipe_is_no_file_of_a_model(tmp_path, name, read):
    os.mkfifo(tmp_path / name)
    error = _raised(read, tmp_path / name)
    assert "not a regular file" in str(error) and "Errno" not in str(error)
    assert isinstance(error, foreign.NotRegular | CheckpointError)
