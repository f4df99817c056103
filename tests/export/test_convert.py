"""The command as a whole, without the proof: what lies in the folder, what is refused, and that nothing half is left."""

import json
import shutil
from pathlib import Path

import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import CHAT_TEMPLATE, make_tokenizer
from zhinao import cli, family, files
from zhinao.errors import CheckpointError, DiskError, MissingExtraError, UsageError
from zhinao.export import command, convert, proof
from zhinao.model.checkpoint import Checkpoint, ShardWriter
from zhinao.model.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = make_checkpoint(tmp_path_factory.mktemp("source") / "z", dtype="BF16", max_shard_bytes=60_000)
    (folder / "LICENSE").write_text("Apache")
    (folder / "generation_config.json").write_text(json.dumps({"temperature": 0.7, "do_sample": True}))
    return make_tokenizer(folder)


def run(*words) -> int:
    return cli.main(["convert", *map(str, words)])


def left(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder(source, tmp_path, capsys):
    out = tmp_path / "q"
    assert run(source, "--to", "qwen2", out, "--no-prove", "--max-shard-size", "0.1MB") == 0
    said = capsys.readouterr().out.splitlines()
    assert "MB/s" in said[0] and said[-1] == f"{out}: whole, not proved (--no-prove)"
    assert left(tmp_path) == ["q"]
    checkpoint = Checkpoint(out)
    assert checkpoint.architecture.family == "qwen2" and len(checkpoint.files) == 2
    assert all(file.stat().st_size < 110_000 for file in checkpoint.files)
    assert (out / "LICENSE").read_text() == "Apache" and not (out / "parity.json").exists()
    tokenizer = Tokenizer.load(out)
    stop = [tokenizer.control_tokens[token] for token in family.STOP_TOKENS]
    settings = json.loads((out / "generation_config.json").read_text())
    assert settings["eos_token_id"] == sorted(stop) and settings["pad_token_id"] == tokenizer.pad_id
    assert settings["temperature"] == 0.7 and settings["do_sample"] is True
    assert tokenizer.chat_template == CHAT_TEMPLATE == (out / "chat_template.jinja").read_text()
    assert json.loads((out / "tokenizer_config.json").read_text())["chat_template"] == CHAT_TEMPLATE


@pytest.mark.parametrize(
    ("parity", "words"),
    [
        (None, "not proved"),
        ({"way_back": {}}, "weights only"),
        ({"way_back": {}, "logits": {}}, "no tokenizer"),
        ({"way_back": {}, "logits": {}, "tokenizer": {}}, "equal to its source (parity.json)"),
    ],
)
def test_the_last_line_promises_what_was_proved(parity, words):
    assert words in command.verdict(parity)


def test_what_a_killed_conversion_left_is_removed_before_room_is_looked_for(source, tmp_path, monkeypatch):
    dead = tmp_path / f".q{files.PARTIAL}{2**22 + 7}-0a"  # above what Linux numbers processes
    dead.mkdir()
    monkeypatch.setattr(convert, "check_free_space", lambda *_: dead.exists() and pytest.fail("it takes the room"))
    done = convert.convert(source, "qwen2", tmp_path / "q", proves=False)
    assert any("killed conversion" in note for note in done.notes) and left(tmp_path) == ["q"]


def test_stock_tools_need_the_map_and_only_remote_code_the_file(source, tmp_path):
    """README says what `tokenization_standard.py` is for."""
    convert.convert(source, "qwen2", tmp_path / "q", proves=False)
    config = json.loads((tmp_path / "q" / "tokenizer_config.json").read_text())
    assert config["auto_map"] == {"AutoTokenizer": [None, "tokenization_standard.StandardTokenizer"]}
    code = (tmp_path / "q" / "tokenization_standard.py").read_text()
    assert "zhinao" not in code and len(code.splitlines()) < 10
    for page in ("README.md", "README.zh.md"):
        assert "tokenization_standard.py" in (Path(__file__).parents[2] / page).read_text(encoding="utf-8")


def test_the_card(source, tmp_path):
    import hashlib

    run(source, "--to", "qwen2", tmp_path / "q", "--no-prove")
    card = (tmp_path / "q" / "README.md").read_text()
    assert card.startswith("---\nlicense: apache-2.0\nlanguage:\n- zh\n- en\n")
    assert "zhinao convert z --to qwen2 q --no-prove" in card and "It was not proved" in card
    for name in ("model-00001-of-00003.safetensors", "config.json"):
        assert f"| `{name}` | `{hashlib.sha256((source / name).read_bytes()).hexdigest()}` |" in card
    assert str(tmp_path) not in card


def test_chatml_where_the_checkpoint_has_no_template(tmp_path):
    source = make_tokenizer(make_checkpoint(tmp_path / "z"), chat_template=None)
    convert.convert(source, "qwen2", tmp_path / "q", proves=False)
    assert Tokenizer.load(tmp_path / "q").chat_template == family.CHAT_TEMPLATE


def test_a_source_without_tokenizer(tmp_path):
    source = make_checkpoint(tmp_path / "z")
    done = convert.convert(source, "qwen2", tmp_path / "q", proves=False)
    assert "no tokenizer" in done.notes[0]
    assert left(tmp_path / "q") == ["README.md", "config.json", "model.safetensors"]


def test_a_tokenizer_that_cannot_be_read_stops_it(tmp_path):
    source = make_checkpoint(tmp_path / "z", "llama")
    (source / "tokenizer.model").write_bytes(b"\n")
    with pytest.raises(CheckpointError, match=r"tokenizer\.model"):
        convert.convert(source, "qwen2", tmp_path / "q", proves=False)
    assert left(tmp_path) == ["z"]


def test_replacing(source, tmp_path, capsys):
    out = tmp_path / "q"
    assert run(source, "--to", "qwen2", out, "--no-prove") == 0
    (out / "old").touch()
    assert run(source, "--to", "qwen2", out, "--no-prove") == 2
    assert "--force" in capsys.readouterr().err and (out / "old").exists()
    assert run(source, "--to", "qwen2", out, "--no-prove", "--force") == 0
    assert not (out / "old").exists() and left(tmp_path) == ["q"]


def test_force_replaces_models_only(source, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(source)
    for out in ("home", "file", "link"):
        with pytest.raises(UsageError):
            convert.convert(source, "qwen2", tmp_path / out, is_forced=True, proves=False)
    copy = tmp_path / "models" / "z"
    shutil.copytree(source, copy)
    shutil.copy(source / "config.json", copy.parent)  # even if the parent looks like a model
    for out in (copy, copy.parent):
        with pytest.raises(UsageError, match="holds the model"):
            convert.convert(copy, "qwen2", out, is_forced=True, proves=False)
    assert left(tmp_path / "home") == ["letter.txt"]


def test_into_an_empty_folder(source, tmp_path):
    (tmp_path / "q").mkdir()
    convert.convert(source, "qwen2", tmp_path / "q", proves=False)
    assert Checkpoint(tmp_path / "q").architecture.family == "qwen2"


def test_no_room(source, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10**8))
    with pytest.raises(DiskError, match=r"needed.*\n.*another folder"):
        convert.convert(source, "qwen2", tmp_path / "q", proves=False)
    assert left(tmp_path) == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_stops_it_in_the_middle_leaves_nothing(source, tmp_path, monkeypatch, kind):
    written = []

    def write(self, name, array):
        written.append(name)
        if len(written) == 10:
            raise kind
        genuine(self, name, array)

    genuine = ShardWriter.write
    monkeypatch.setattr(ShardWriter, "write", write)
    code = run(source, "--to", "qwen2", tmp_path / "q", "--no-prove")
    assert code == (130 if kind is KeyboardInterrupt else 7)
    assert len(written) == 10 and left(tmp_path) == []


def test_an_interrupted_replacement_keeps_the_old(source, tmp_path, monkeypatch):
    out = make_checkpoint(tmp_path / "q", "qwen2")
    monkeypatch.setattr(ShardWriter, "finish", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        convert.convert(source, "qwen2", out, is_forced=True, proves=False)
    assert left(tmp_path) == ["q"] and left(out) == ["config.json", "model.safetensors"]


def test_without_torch(source, tmp_path, monkeypatch):
    monkeypatch.setattr(proof, "is_possible", lambda: False)
    with pytest.raises(MissingExtraError, match=r"pip install 'zhinao\[torch\]'"):
        convert.convert(source, "qwen2", tmp_path / "q", proves=True)
    done = convert.convert(source, "qwen2", tmp_path / "q")
    assert "zhinao[torch]" in done.notes[0] and done.parity["way_back"]["num_tensors"] == 19
    assert json.loads((tmp_path / "q" / "parity.json").read_text())["left_out"] == list(done.notes)
    assert "Not done: logits" in (tmp_path / "q" / "README.md").read_text()


@pytest.mark.parametrize(("text", "value"), [("4GB", 4 * 10**9), ("500 mb", 5 * 10**8), ("2GiB", 2**31), ("1.5K", 1500), ("7", 7)])  # fmt: skip
def test_sizes(text, value):
    assert command.parse_size(text) == value


@pytest.mark.parametrize("text", ["", "0", "GB", "-1GB", "4TB!", "1e9"])
def test_no_sizes(text):
    with pytest.raises(UsageError, match="--max-shard-size"):
        command.parse_size(text)
