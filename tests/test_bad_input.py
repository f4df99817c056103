"""What goes wrong for people: each case is a sentence that names the place, an exit code, and nothing broken left behind.

Every case runs the real command in a process of its own with a home of its own, so a traceback cannot hide.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer


@pytest.fixture(scope="session")
def good(tmp_path_factory) -> Path:
    """A whole small checkpoint with tokenizer; each case spoils a copy of it."""
    folder = tmp_path_factory.mktemp("good") / "model"
    make_tokenizer(folder)
    return make_checkpoint(folder, vocab_size=1024, max_shard_bytes=60_000)


@pytest.fixture
def model(good, tmp_path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "model"))


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


def run(home: Path, *words, stdin: str = "", timeout: float = 120, **environment) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [sys.executable, "-m", "zhinao", *map(str, words)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "LC_ALL": "C.UTF-8", "ZHINAO_HOME": str(home), "HF_HOME": str(home / "hf"), **environment},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def refuse(done: subprocess.CompletedProcess, code: int, *words: str) -> None:
    """The exit code, and a sentence on stderr that has these words."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    missing = [word for word in words if word not in done.stderr]
    assert not missing, f"{missing} not in: {done.stderr}"


def change_config(model: Path, **changes) -> None:
    file = model / "config.json"
    raw = {key: value for key, value in (json.loads(file.read_text()) | changes).items() if value is not ...}
    file.write_text(json.dumps(raw))


def shards(model: Path) -> list[Path]:
    return sorted(model.glob("*.safetensors"))


def cut_shard(model):
    data = shards(model)[1].read_bytes()
    shards(model)[1].write_bytes(data[:-100])


def cut_header(model):
    shards(model)[0].write_bytes(shards(model)[0].read_bytes()[:20])


def scramble_header(model):
    data = bytearray(shards(model)[0].read_bytes())
    data[8:40] = b"x" * 32
    shards(model)[0].write_bytes(data)


def only_pickle(model):
    for file in (*shards(model), model / "model.safetensors.index.json"):
        file.unlink()
    (model / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def no_weights(model):
    only_pickle(model)
    (model / "pytorch_model.bin").unlink()


def break_tokenizer(model):
    vocabulary = next(model.rglob("*.tiktoken"))
    lines = vocabulary.read_text().splitlines()
    lines[4] = "!!! 4"
    vocabulary.write_text("\n".join(lines))


def no_tokenizer(model):
    shutil.rmtree(next(model.rglob("*.tiktoken")).parent)


SPOILED = {
    "truncated shard": (cut_shard, 5, ("model-00002", "bytes expected")),
    "truncated header": (cut_header, 5, ("model-00001", "header")),
    "damaged header": (scramble_header, 5, ("model-00001", "header cannot be read")),
    "missing shard": (lambda m: shards(m)[0].unlink(), 5, ("model-00001", "missing")),
    "broken index": (lambda m: (m / "model.safetensors.index.json").write_text("{"), 5, ("index.json", "weight_map")),
    "pickle": (only_pickle, 5, ("pytorch_model.bin", "pickle", "safetensors")),
    "no weights": (no_weights, 5, ("no safetensors",)),
    "wrong shape": (lambda m: change_config(m, intermediate_size=80), 5, ("gate_proj", "(96, 48)", "(80, 48)")),
    "missing tensor": (lambda m: change_config(m, num_hidden_layers=3), 5, ("layers.2", "missing")),
    "unknown tensor": (lambda m: change_config(m, num_hidden_layers=1), 5, ("layers.1", "unknown tensor")),
    "unknown model type": (lambda m: change_config(m, model_type="gpt9"), 5, ("config.json", "gpt9", "zhinao")),
    "no model type": (lambda m: change_config(m, model_type=...), 5, ("model_type",)),
    "unknown activation": (lambda m: change_config(m, hidden_act="gelu"), 5, ("hidden_act", "gelu")),
    "heads that do not divide": (lambda m: change_config(m, num_key_value_heads=4), 5, ("num_key_value_heads",)),
    "text for a number": (lambda m: change_config(m, hidden_size="48"), 5, ("hidden_size", "'48'")),
    "unknown rope": (lambda m: change_config(m, rope_scaling={"type": "spiral"}), 5, ("rope", "spiral")),
    "config not JSON": (lambda m: (m / "config.json").write_text("{,"), 5, ("config.json", "JSON")),
    "no config": (lambda m: (m / "config.json").unlink(), 5, ("config.json",)),
    "damaged tokenizer": (break_tokenizer, 5, (".tiktoken", "line 5")),
    "no tokenizer": (no_tokenizer, 5, ("tokenizer",)),
}


@pytest.mark.parametrize("case", SPOILED)
def test_spoiled_checkpoint(case, model, home):
    spoil, code, words = SPOILED[case]
    spoil(model)
    refuse(run(home, "generate", model, "hello", "--max-tokens", 3), code, *words)
    assert not list((home / "compiled").glob(".*partial*")), "nothing may be left of a build that failed"


USAGE = {
    "empty prompt": (["generate", "MODEL", ""], 2, ("empty",)),
    "prompt over the context": (["generate", "MODEL", "word " * 400], 2, ("context", "256")),
    "unknown flag": (["chat", "MODEL", "hi", "--temprature", "1"], 2, ("--temprature", "--temperature")),
    "unknown verb": (["tchat"], 2, ("tchat", "chat")),
    "temperature not a number": (["generate", "MODEL", "hi", "--temperature", "warm"], 2, ("--temperature", "warm")),
    "temperature below zero": (["generate", "MODEL", "hi", "--temperature", "-1"], 2, ("temperature", "-1")),
    "top_p of zero": (["generate", "MODEL", "hi", "--top-p", "0"], 2, ("top_p",)),
    "seed below zero": (["generate", "MODEL", "hi", "--seed", "-5"], 2, ("seed",)),
    "no tokens asked for": (["generate", "MODEL", "hi", "--max-tokens", "0"], 2, ("max_tokens",)),
    "unknown precision": (["generate", "MODEL", "hi", "--quant", "int3"], 2, ("int3",)),
    "unknown engine": (["generate", "MODEL", "hi", "--engine", "llama"], 2, ("llama", "openvino")),
    "engine not installed": (
        ["generate", "MODEL", "hi", "--engine", "vllm"],
        3,
        ("vllm", "pip install 'zhinao[vllm]'"),
    ),
    "no such input file": (["generate", "MODEL", "--input", "absent.txt"], 2, ("absent.txt",)),
    "no such config file": (["generate", "MODEL", "hi", "--config", "absent.yaml"], 2, ("absent.yaml",)),
    "no such model": (["generate", "7b-instrct", "hi"], 4, ("7b-instrct", "7b-instruct")),
    "no such folder": (["generate", "./absent/model", "hi"], 4, ("absent/model",)),
    "a file that is no model": (["generate", "FILE", "hi"], 5, ("notes.txt",)),
    "a damaged GGUF": (["generate", "GGUF", "hi"], 5, ("broken.gguf",)),
    "remove what is not there": (["remove", "7b", "--yes"], 4, ("7b",)),
    "offline and not here": (["pull", "7b-instruct", "--offline"], 6, ("offline",)),
    "convert without a layout": (["convert", "MODEL", "OUT"], 2, ("--to",)),
    "convert to an unknown layout": (["convert", "MODEL", "--to", "mamba", "OUT"], 2, ("mamba",)),
    "convert onto a folder that is there": (["convert", "MODEL", "--to", "qwen2", "MODEL"], 2, ("--force",)),
}


@pytest.mark.parametrize("case", USAGE)
def test_usage(case, good, home, tmp_path):
    words, code, sentences = USAGE[case]
    (tmp_path / "notes.txt").write_text("not a model")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
    places = {"MODEL": good, "FILE": tmp_path / "notes.txt", "GGUF": tmp_path / "broken.gguf", "OUT": tmp_path / "out"}
    refuse(run(home, *(places.get(word, word) for word in words)), code, *sentences)
    assert not (tmp_path / "out").exists()


def test_unknown_config_key(good, home, tmp_path):
    (tmp_path / "chat.yaml").write_text("temprature: 0.5\n")
    done = run(home, "generate", good, "hi", "--config", tmp_path / "chat.yaml")
    refuse(done, 2, "chat.yaml", "temprature", "temperature")


def test_no_network(home):
    """A port on which nobody listens stands for a hub out of reach."""
    done = run(home, "pull", "7b", HF_ENDPOINT="http://127.0.0.1:9")
    refuse(done, 6, "360Zhinao3-7B")
    assert not (home / "models" / "7b").exists()


def test_no_disk(good, home, tmp_path):
    """A file system that holds one megabyte, where one can be mounted."""
    small = tmp_path / "small"
    small.mkdir()
    mount = shutil.which("mount")
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", small]).returncode:
        pytest.skip("mounting a small file system needs rights that this user does not have")
    try:
        refuse(run(small, "generate", good, "hi", "--max-tokens", 2), 7, "needed", "free")
        refuse(run(home, "convert", good, "--to", "qwen2", small / "out"), 7, "needed", "free")
        assert not (small / "out").exists()
    finally:
        subprocess.run(["umount", small], check=True)


def test_folder_that_cannot_be_written(good, home, tmp_path):
    (tmp_path / "file").write_text("in the way")
    refuse(run(home, "convert", good, "--to", "qwen2", tmp_path / "file" / "out"), 7, "cannot be written")


def test_corrupted_cache_is_built_again(good, home):
    words = ("generate", good, "hello", "--max-tokens", 4, "--temperature", 0)
    first = run(home, *words)
    assert first.returncode == 0, first.stderr
    weights = max((home / "compiled").rglob("*.bin"), key=lambda file: file.stat().st_size)
    weights.write_bytes(weights.read_bytes()[:-64])
    again = run(home, *words)
    assert again.returncode == 0 and again.stdout == first.stdout, again.stderr
    assert weights.stat().st_size > 64


def test_ctrl_c_while_building(good, home, tmp_path):
    """A model large enough to be caught in the act; afterwards the same command works."""
    folder = tmp_path / "larger"
    make_tokenizer(folder)
    make_checkpoint(folder, vocab_size=60_000, hidden_size=1536, intermediate_size=6144, num_hidden_layers=4)
    words = [sys.executable, "-m", "zhinao", "generate", str(folder), "hi", "--max-tokens", "2"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "ZHINAO_HOME": str(home)}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list((home / "compiled").glob(".*partial*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in stderr, stderr
    left = [p.name for p in (home / "compiled").iterdir() if p.is_dir()]
    assert left == [], left
    assert run(home, *words[3:]).returncode == 0
