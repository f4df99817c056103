"""Whatever a stranger's JSON files say, a model folder is read or refused by a sentence: never a traceback, never a hang."""

import json
import time
from pathlib import Path

import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao.errors import CheckpointError
from zhinao.model import defaults
from zhinao.model.checkpoint import Checkpoint
from zhinao.model.tokenizer import Tokenizer

ODD = [0, -1, 10**30, "x", [], [[1]], {"a": []}, 1.5, float("inf"), float("nan"), True, None]
KEYS = {
    "config.json": ["num_hidden_layers", "hidden_size", "head_dim", "vocab_size", "rope_theta", "rope_scaling", "rms_norm_eps", "model_type"],
    "tokenizer_config.json": ["added_words", "additional_special_tokens", "added_tokens_decoder", "eos_token", "chat_template"],
    "generation_config.json": ["eos_token_id", "temperature", "do_sample"],
    "added_tokens.json": ["<a>"],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "model"
    make_tokenizer(folder)
    return make_checkpoint(folder, vocab_size=1024)


def read(folder: Path) -> None:
    """Everything that is read of a folder before an engine gets it."""
    Checkpoint(folder)
    tokenizer = Tokenizer.load(folder)
    defaults.read(folder, tokenizer)
    tokenizer.decode(tokenizer.encode("hello <|im_end|> [br]"))


@pytest.fixture
def changed(folder):
    """`changed(name, content)` puts a file into the folder for the length of a test."""
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    yield lambda name, content: (folder / name).write_text(content)
    for file in folder.iterdir():
        if file.is_file():
            file.write_bytes(before[file]) if file in before else file.unlink()


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in KEYS.items() for key in keys])
def test_odd_values(folder, changed, name, key):
    raw = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
    for value in ODD:
        changed(name, json.dumps({**raw, key: value}))
        start = time.monotonic()
        try:
            read(folder)
        except CheckpointError as error:
            assert len(error.message) < 1000
        assert time.monotonic() - start < 5, value


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("content", ["[]", "3", "null", "{", "[" * 200_000, '{"a":' * 200_000])
def test_files_that_are_no_objects(folder, changed, name, content):
    changed(name, content)
    with pytest.raises(CheckpointError, match=name):
        read(folder)


@pytest.mark.parametrize("layers", [3_000_000, 10_000])
def test_a_model_of_a_few_bytes_has_no_millions_of_layers(folder, changed, layers):
    changed("config.json", json.dumps(json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": layers}))
    start = time.monotonic()
    with pytest.raises(CheckpointError, match=r"at most 10000|tensors are missing"):
        read(folder)
    assert time.monotonic() - start < 5


LIES = {
    "a kind that is a list": {"dtype": [], "shape": [1], "data_offsets": [0, 4]},
    "offsets that are no numbers": {"dtype": "F32", "shape": [1], "data_offsets": [0.0, 4.0]},
    "before the header": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]},
    "a size beyond all": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 2**66]},
    "many dimensions": {"dtype": "F32", "shape": [2**40] * 100_000, "data_offsets": [0, 4]},
    "a shape in words": {"dtype": "F32", "shape": "11", "data_offsets": [0, 4]},
    "less than nothing": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]},
}


def _weights(header: bytes, data: bytes = bytes(4), length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header + data


@pytest.mark.parametrize("lie", LIES)
def test_headers_of_weights_that_lie(folder, tmp_path, lie):
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(_weights(json.dumps({"a\x1b[2J": LIES[lie]}).encode()))
    start = time.monotonic()
    with pytest.raises(CheckpointError, match=r"model\.safetensors") as caught:
        Checkpoint(tmp_path)
    assert time.monotonic() - start < 2 and "\x1b" not in caught.value.message


@pytest.mark.parametrize("header", [b"[]", b"{", b"[" * 200_000, b'{"a": 1}', b'{"a": {}}', b"\xff"])
def test_headers_of_weights_that_are_none(folder, tmp_path, header):
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(_weights(header))
    with pytest.raises(CheckpointError, match="header cannot be read"):
        Checkpoint(tmp_path)


def test_a_header_is_not_read_beyond_the_formats_limit(folder, tmp_path):
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write((10**11).to_bytes(8, "little"))
        file.truncate(2 * 10**11)  # a hole: it takes no room
    with pytest.raises(CheckpointError, match="header has"):
        Checkpoint(tmp_path)
