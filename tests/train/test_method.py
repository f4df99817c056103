"""A further way of training is one file (`lines_method.py`) and one line (its verb): the frame checks, records, resumes and ends it."""

import json
import subprocess
import sys

import pytest

from tests.train.conftest import losses
from tests.train.test_resume import weights
from zhinao import cli
from zhinao.errors import UsageError
from zhinao.train import run as frame
from zhinao.train.loop import checkpoints

THE_LINE = {"lines": ("tests.train.lines_method", "learn lines", "学习各行")}


@pytest.fixture
def lines(settings, tmp_path):
    """Settings for lines of text."""
    file = tmp_path / "lines.txt"
    file.write_text("".join(f"{n} and {n} is {n + n}\n" for n in range(6)))
    return lambda **more: settings(data_path=(str(file),), save_strategy="steps", save_steps=2, **more)


def test_a_third_method_is_resumed_and_ended_by_the_frame(lines, tmp_path, capsys):
    from tests.train.lines_method import Lines

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert frame.train(lines(output_dir=str(whole)), Lines()).is_finished
    said = capsys.readouterr().err
    assert "6 lines." in said and f"zhinao chat {whole}" in said
    found = losses(whole)
    assert len(found) == 4 and found[-1] < found[0]
    assert {"model.safetensors", "tokenizer.json", "generation_config.json", "run.html"} <= {
        p.name for p in whole.iterdir()
    }
    page = json.loads((whole / "run.json").read_text())
    assert page["data"]["num_documents"] == 6 and page["sessions"][-1]["outcome"] == "finished"

    frame.train(lines(output_dir=str(parts)), Lines())
    start = checkpoints.of(parts)[0]
    assert start.name == "checkpoint-2"
    assert frame.train(lines(output_dir=str(parts), resume=str(start)), Lines()).is_finished
    assert "Going on from" in capsys.readouterr().err
    assert weights(parts) == weights(whole) and losses(parts) == losses(whole)
    with pytest.raises(UsageError, match="learning_rate"):
        frame.train(lines(output_dir=str(parts), resume="auto", learning_rate=1e-5), Lines())


def test_its_verb_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(cli, "VERBS", {**cli.VERBS, **THE_LINE})
    with pytest.raises(SystemExit):
        cli.main(["lines", "--help"])
    assert "--data_path" in capsys.readouterr().out
    assert cli.main(["lines"]) == 2 and "--data_path is missing" in capsys.readouterr().err


def test_a_method_says_what_it_needs(lines):
    class Needy(frame.Method):
        packages = ("no_such_package",)

    with pytest.raises(frame.packages.MissingExtraError, match="no_such_package"):
        frame.train(lines(), Needy())


def test_frame_and_methods_wait_with_torch():
    """What torch reads of the environment is set by `processes.prepare`: nobody may have imported it before."""
    code = "import sys, zhinao.train.method.supervised, zhinao.train.method.preference; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'zhinao.train.run'" in loaded
    assert not [name for name in ("torch", "transformers", "accelerate", "trl", "datasets") if f"'{name}'" in loaded]
