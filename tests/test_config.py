from dataclasses import dataclass
from typing import Literal

import pytest

from zhinao import config
from zhinao.errors import UsageError


@dataclass(frozen=True)
class Run:
    model: str = "demo"
    temperature: float | None = None
    steps: int = 10
    stop: tuple[str, ...] | str | None = None
    is_fast: bool = False
    quant: Literal["bf16", "int8"] = "int8"


def file(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_defaults_then_file_then_flags(tmp_path):
    path = file(tmp_path, "model: 7b\ntemperature: 1\nstop: [a, b]\n")
    loaded = config.load(Run, path, {"model": "7b-o1.5", "steps": None, "verb": "chat"})
    assert loaded == Run(model="7b-o1.5", temperature=1, stop=("a", "b"))
    assert config.load(Run) == Run()
    assert config.load(Run, file(tmp_path, "# nothing yet\n")) == Run()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("temprature: 1", "run.yaml: unknown key 'temprature'.*did you mean temperature"),
        ("3: 1", "unknown key 3"),
        ("temperature: hot", "run.yaml: temperature is 'hot'; it must be a number"),
        ("steps: 1.5", "steps is 1.5; it must be a whole number"),
        ("steps: true", "steps is True"),
        ("is_fast: 1", "is_fast is 1; it must be true / false"),
        ("stop: [1]", "stop is .1.; it must be a list of text / text"),
        ("quant: int3", "quant is 'int3'; it must be bf16, int8"),
        ("a: [", "run.yaml, line 1: not YAML"),
        ("a: 1\nmodel: x\nmodel: y", "run.yaml, line 3: model stands there twice"),
        ("steps:\n\t- 1", "run.yaml, line 2: a tab"),
        ("model: 7", 'model is 7; it must be text.*"7"'),
        ("model: 1e3", "model is 1000.0; it must be text"),
        ("temperature: 1:30", "temperature is '1:30'; it must be a number"),
        ("- a", "must hold keys and values"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("temperature: 0x" + "f" * 5000, "run.yaml: a number of more than 250 digits"),
        ("steps: " + "9" * 400, "a number of more than 250 digits"),
        ("stop: [0o" + "7" * 9000 + "]", "a number of more than 250 digits"),
    ],
)
def test_what_nobody_can_mean_is_named(tmp_path, text, sentence):
    with pytest.raises(UsageError, match="(?s)" + sentence):
        config.load(Run, file(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"none\.yaml: cannot be read"):
        config.load(Run, tmp_path / "none.yaml")


def test_values_as_people_write_them(tmp_path):
    text = "\ufefftemperature: 1e-5\nsteps: 1e3\nis_fast: on\nmodel: no\nstop: [1:30, off]\nquant: int8\n"
    loaded = config.load(Run, file(tmp_path, text))
    assert loaded == Run(model="no", temperature=1e-5, steps=1000, stop=("1:30", "off"), is_fast=True)
    assert config.load(Run, file(tmp_path, "temperature: None\nsteps: 1_000\nis_fast: off\n")) == Run(steps=1000)
