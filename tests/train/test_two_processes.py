"""Two processes on the CPU (gloo) train as one does: DDP over two "machines", ZeRO-2, ZeRO-3, FSDP2. The real command, the real trainer.

Each case also shows something else that only several processes can show: torchrun without ssh, a signal and the way back, the
publisher's kind of DeepSpeed file.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.train.conftest import losses
from zhinao import machine

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
STEPS = 8


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One place for encoded data, whoever encodes them first."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def alone(tiny, chats, home, tmp_path_factory):
    """The folder of the same run in one process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    arguments = {**flags(tiny, chats, folder), "per_device_train_batch_size": "8"}
    done = zhinao(home, "-m", "zhinao", "finetune", *words(arguments))
    assert done.returncode == 0, done.stderr
    return folder


def flags(tiny: Path, chats: Path, folder: Path) -> dict[str, str]:
    return {
        "model_name_or_path": str(tiny),
        "data_path": str(chats),
        "output_dir": str(folder),
        "model_max_length": "256",
        "per_device_train_batch_size": "4",
        "max_steps": str(STEPS),
        "learning_rate": "1e-3",
        "bf16": "False",
        "use_cpu": "True",
        "sample_tokens": "0",
        "save_strategy": "no",
    }


def words(flags: dict[str, str]) -> list[str]:
    return [word for name, value in flags.items() for word in (f"--{name}", value)]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    return {**kept, "ZHINAO_HOME": str(home), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", "CUDA_VISIBLE_DEVICES": ""}


def zhinao(home: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments], env=environment(home), capture_output=True, text=True, timeout=280
    )


def launched(*arguments: str) -> tuple[str, ...]:
    return ("-m", "zhinao", "launch", "--num_gpus", "2", "--", "finetune", *arguments)


def weights(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def check_same(folder: Path, alone: Path) -> None:
    """Losses of all steps and the weights at the end."""
    assert len(losses(folder)) == STEPS
    assert np.allclose(losses(folder), losses(alone), rtol=2e-5, atol=0)
    one, two = weights(alone), weights(folder)
    assert one.keys() == two.keys()
    assert all(np.allclose(one[name], two[name], rtol=0, atol=2e-5) for name in one)


@pytest.mark.long
def test_ddp_on_two_machines_by_torchrun(tiny, chats, home, alone, tmp_path):
    """No ssh: the same command is started once for each machine, here twice on this one."""
    given = words(flags(tiny, chats, tmp_path / "run"))
    there = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1"]
    there += ["--master-port", str(machine.free_port())]
    command = [sys.executable, "-m", "torch.distributed.run", *there]
    nodes = [
        subprocess.Popen(
            [*command, "--node-rank", str(node), "-m", "zhinao.train.sft", *given],
            env=environment(home),
            stderr=subprocess.PIPE,
            text=True,
        )
        for node in (0, 1)
    ]
    errors = [node.communicate(timeout=280)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], errors
    check_same(tmp_path / "run", alone)


@pytest.mark.long
def test_zero_2_with_a_file_of_the_users_own(tiny, chats, home, alone, tmp_path):
    """The publisher's kind of file, without its scheduler, which would win over the flag."""
    file, run = tmp_path / "ds_config_zero2.json", tmp_path / "run"
    adam = {"type": "AdamW", "params": {"lr": "auto", "betas": "auto", "eps": "auto", "weight_decay": "auto"}}
    auto = ("gradient_clipping", "train_micro_batch_size_per_gpu", "train_batch_size", "gradient_accumulation_steps")
    file.write_text(json.dumps({"zero_optimization": {"stage": 2}, "optimizer": adam, **dict.fromkeys(auto, "auto")}))
    done = zhinao(home, *launched(*words({**flags(tiny, chats, run), "deepspeed": str(file)})))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "torch's is taken" in done.stdout
    one, two = losses(alone), losses(run)
    assert np.allclose(one, two, rtol=1e-3)  # this Adam decays norms and biases as well
    assert np.allclose(one[:2], two[:2], rtol=2e-5)


def test_zero_3_stopped_by_a_signal_and_resumed(tiny, chats, home, alone, tmp_path):
    run = tmp_path / "run"
    given = {**flags(tiny, chats, run), "parallel": "zero3", "save_strategy": "steps", "save_steps": "100"}
    with subprocess.Popen(
        [sys.executable, *launched(*words(given))],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as one:
        end = time.monotonic() + 200
        while not ((run / "log.jsonl").exists() and len(losses(run)) >= 2) and one.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        one.send_signal(signal.SIGTERM)
        said = one.communicate(timeout=200)[0]
    assert one.returncode == 143, said
    saved = sorted(path.name for path in run.glob("checkpoint-*"))
    assert len(saved) == 1 and saved[0] != f"checkpoint-{STEPS}"
    done = zhinao(home, *launched(*words({**given, "resume": "auto"})))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Going on from {run / saved[0]}" in done.stdout
    check_same(run, alone)


def test_fsdp2(tiny, chats, home, alone, tmp_path):
    run = tmp_path / "run"
    done = zhinao(home, *launched(*words({**flags(tiny, chats, run), "parallel": "fsdp2"})))
    assert done.returncode == 0, done.stdout + done.stderr
    check_same(run, alone)


def test_bad_input_is_said_once(tiny, home, tmp_path):
    """Every process finds it; the first one tells, and its exit code is that of the whole."""
    data = tmp_path / "none.jsonl"
    done = zhinao(home, *launched(*words(flags(tiny, data, tmp_path / "run"))))
    assert done.returncode not in (0, 1, 143)
    assert (done.stdout + done.stderr).count("none.jsonl") == 1 and "Traceback" not in done.stdout
