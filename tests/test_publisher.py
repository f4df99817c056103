"""The code of the publisher's README, as it stands there but for the tables of replacements. `tests/publisher.py` says what runs where.

What needs vLLM or the clients' packages runs in their environments, out of the same page.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.code_blocks import commands, replaced
from tests.publisher import PAGE, WHERE, named
from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao import cli, machine

ROOT = Path(__file__).parents[1]
MODEL = '"qihoo360/360Zhinao3-7B[^"]*"'
REMOTE = ("configuration_zhinao", "modeling_zhinao", "tokenization_zhinao")


def test_every_block_is_run_or_says_why_not(publishers):
    for name, block in publishers.items():
        where = WHERE[name][1]
        if where.startswith("tests/"):
            file, _, test = where.partition("::")
            assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{block}: {where} is not there"


@pytest.mark.parametrize("name", [name for name, (_, where) in WHERE.items() if not where.startswith("tests/")])
def test_block_that_is_not_run(publishers, name):
    pytest.skip(f"{publishers[name]}: {WHERE[name][1]}")


def test_a_block_that_nobody_knows_is_named(tmp_path):
    (tmp_path / PAGE).write_text("```python\nprint('new')\n```\n")
    with pytest.raises(AssertionError, match=f"{PAGE}:1 is new: give it a name and a test"):
        named(tmp_path)
    (tmp_path / PAGE).write_text("```python\nprint('new')\n")
    with pytest.raises(AssertionError, match="not closed"):
        named(tmp_path)


# --- transformers


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A tiny random checkpoint in the published form, with remote code that must not run."""
    auto_map = {"AutoConfig": f"{REMOTE[0]}.ZhinaoConfig", "AutoModelForCausalLM": f"{REMOTE[1]}.ZhinaoForCausalLM"}
    folder = tmp_path_factory.mktemp("published")
    make_tokenizer(make_checkpoint(folder, auto_map=auto_map, max_position_embeddings=512))
    settings = {"eos_token_id": [303, 309, 310], "pad_token_id": 303, "do_sample": True, "top_p": 0.8}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    for name in REMOTE:
        (folder / f"{name}.py").write_text("raise SystemExit('remote code was run')")
    return folder


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("base", "中国二十四节气\n1. 立春"),
        ("instruct", "user: 他有什么代表作?\ngpt: "),
        ("thinking", '"reasoning_content": '),
    ],
    ids=("base", "instruct", "thinking"),
)
def test_quick_start(publishers, published, name, shown, capsys):
    table = [
        (r"\A", "import zhinao\n"),
        (MODEL, repr(str(published))),
        (r"\.cuda\(\)", ""),
        (r"max_new_tokens = \d+", "max_new_tokens = 16"),
    ]
    code = replaced(publishers[name].text, table)
    exec(compile(code, str(publishers[name]), "exec"), space := {})
    assert type(space["model"]).__module__ == "zhinao.model.modeling"
    assert type(space["tokenizer"]).__name__ == "ZhinaoTokenizer"
    assert shown in capsys.readouterr().out
    if name != "base":  # what is shown is the answer alone, the prompt cut off
        prompt = len(space["input_ids"][0])
        assert prompt == space["input_ids"]["input_ids"].shape[1] < space["pred"].shape[1] <= prompt + 16


# --- data and training


@pytest.fixture
def place(tmp_path, monkeypatch, publishers, published):
    """The folder that the publisher's script is started in: its data are the README's sample."""
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("data", "finetune"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "training_data_sample.json").write_text(publishers["sample"].text, encoding="utf-8")
    return tmp_path


def test_the_sample_of_data(place, published, capsys):
    """Each verb that reads data takes it; `finetune` does in the test below."""
    data, model = "data/training_data_sample.json", str(published)
    for line in (
        f"data check {data} --model {model}",
        f"data stats {data} --model {model}",
        f"data view {data} --model {model}",
        f"data convert {data} --output out.jsonl --to messages",
        f"plan --model_name_or_path {model} --data_path {data} --model_max_length 512 --gpu h100 --num_gpus 1",
    ):
        code = cli.main(line.split())
        assert code == 0, f"{line}\n{capsys.readouterr().err}"
    said = json.loads((place / "out.jsonl").read_text(encoding="utf-8"))["messages"]
    assert [message["role"] for message in said] == ["system", "user", "assistant"]


DS_CONFIG = {"zero_optimization": {"stage": 2}, "bf16": {"enabled": "auto"}, "gradient_clipping": "auto"}
DS_CONFIG |= dict.fromkeys(
    ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "train_batch_size"), "auto"
)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["deepspeed", "zhinao launch"])
def test_the_training_script(publishers, published, place, launcher):
    """By `deepspeed` to the letter, with our `finetune.py` in the place of the publisher's and neither hostfile nor DeepSpeed
    file (the script names both, the README shows none); by `zhinao launch` with both."""
    table = [
        ('"qihoo360/360Zhinao3-7B"', str(published)),
        ("NUM_GPUS=8", "NUM_GPUS=2"),
        ("MASTER_PORT=29500", f"MASTER_PORT={machine.free_port()}"),
        ("MAX_LEN=32768", "MAX_LEN=512"),
    ]
    if launcher == "deepspeed":
        (place / "finetune.py").write_bytes((ROOT / "recipes" / "launch" / "finetune.py").read_bytes())
    else:
        table.append(("\ndeepspeed ", "\nzhinao launch "))
        (place / "hostfile").write_text("localhost slots=2\n")
        (place / "finetune" / "ds_config_zero2.json").write_text(json.dumps(DS_CONFIG))
    (place / "finetune" / "ds_finetune.sh").write_text(replaced(publishers["script"].text, table), encoding="utf-8")
    (start,) = commands(publishers["start"].text)
    code, said = run_whole(shlex.split(start), 280)
    assert code == 0, said
    steps = [one for one in map(json.loads, (place / "outputs" / "log.jsonl").open()) if one["kind"] == "train"]
    assert len(steps) == 3 and "Finished: 3 steps" in said
    assert (place / "outputs" / "model.safetensors").is_file() and any((place / "outputs" / "tensorboard").iterdir())


def run_whole(words: list[str], seconds: float) -> tuple[int, str]:
    """Exit code and output. What outlives the time limit ends with all that it has started: killing the shell alone would leave
    launcher and workers behind, with their port."""
    with subprocess.Popen(
        words, env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            said = process.communicate(timeout=seconds)[0]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, said


def surroundings() -> dict[str, str]:
    """Of a shell in which this environment is active, on a machine without GPUs."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "LC_ALL": "C.UTF-8"}
