"""A run that was killed goes on as if nothing had happened: the same bits on a CPU."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from zhinao.errors import DiskError, UsageError
from zhinao.train.loop import checkpoints, record
from zhinao.train.method.supervised import train


def command(settings) -> list[str]:
    given = {
        name: value
        for name, value in vars(settings).items()
        if value not in (None, (), "") and name not in ("training_arguments", "lora_targets")
    }
    flags = [
        word
        for name, value in given.items()
        for word in (f"--{name}", *(map(str, value) if isinstance(value, tuple) else (str(value),)))
    ]
    return [sys.executable, "-m", "zhinao.train.sft", *flags]


def started(settings, *more: str) -> subprocess.Popen:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*command(settings), *more], env=env, stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def weights(folder: Path) -> dict[str, bytes]:
    name = "adapter_model.safetensors" if (folder / "adapter_model.safetensors").exists() else "model.safetensors"
    return {name: tensor.tobytes() for name, tensor in load_file(folder / name).items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, marks=pytest.mark.long),
        {"is_concat": True, "model_max_length": 200, "gradient_accumulation_steps": 2},
        pytest.param({"method": "lora", "lora_dropout": 0.1}, marks=pytest.mark.long),
        pytest.param({"method": "lora", "bf16": True}, marks=pytest.mark.long),
    ],
    ids=["plain", "packed", "lora", "lora on bf16"],
)
def test_killed_at_step_7(settings, in_bf16, tmp_path, how):
    """kill -9 in step 7, resumed from step 6, compared with an uninterrupted run after step 20."""
    if how.get("bf16"):
        how = {**how, "model_name_or_path": str(in_bf16)}
    whole = settings(output_dir=str(tmp_path / "whole"), max_steps=20, save_strategy="steps", save_steps=3, **how)
    process = started(whole)
    assert process.wait() == 0, process.stderr.read()

    broken = settings(output_dir=str(tmp_path / "broken"), max_steps=20, save_strategy="steps", save_steps=3, **how)
    process = started(broken)
    log = tmp_path / "broken" / "log.jsonl"
    wait_for(lambda: process.poll() is not None or (log.exists() and '"step": 7' in log.read_text()))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "broken" / "config.json").exists()

    process = started(broken, "--resume", "auto")
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert "Going on from" in said
    assert weights(tmp_path / "whole") == weights(tmp_path / "broken")
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines() if '"loss"' in line]
    assert steps == list(range(1, 21))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(settings, tmp_path, number):
    process = started(settings(max_steps=10_000, save_strategy="steps"))
    log = tmp_path / "run" / "log.jsonl"
    wait_for(lambda: process.poll() is not None or (log.exists() and log.read_text().count("\n") > 2))
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, said
    assert "--resume auto" in said and "Traceback" not in said
    [saved] = checkpoints.of(tmp_path / "run")
    assert (saved / "model.safetensors").exists() and (saved / "tokenizer.json").exists()


def test_a_folder_with_a_run_is_not_written_over(settings):
    train(settings())
    with pytest.raises(UsageError, match="holds a run already"):
        train(settings())


def test_another_run_is_not_continued(settings):
    train(settings(save_strategy="steps", save_steps=2))
    with pytest.raises(UsageError, match=r"learning_rate: 0\.001 → 0\.002"):
        train(settings(save_strategy="steps", save_steps=2, learning_rate=2e-3, resume="auto"))


def test_old_checkpoints_go_only_after_the_new_one_is_whole(settings, tmp_path, monkeypatch):
    """Seen at the moment a folder goes, and at the moment the new one is on the disk."""
    run, gone, written = tmp_path / "run", [], []
    to_disk, rmtree = checkpoints.to_disk, shutil.rmtree

    def names() -> list[str]:
        return [path.name for path in checkpoints.of(run)]

    def see_written(folder):
        to_disk(folder)
        written.append((folder.name, names()))

    def see_gone(folder, *more, **options):
        if Path(folder).parent == run and Path(folder).name.startswith("checkpoint-"):
            assert checkpoints.damage(checkpoints.of(run)[-1]) is None
            gone.append((Path(folder).name, names()))
        rmtree(folder, *more, **options)

    monkeypatch.setattr(checkpoints, "to_disk", see_written)
    monkeypatch.setattr(shutil, "rmtree", see_gone)
    train(settings(save_strategy="steps", save_steps=1, max_steps=4, save_total_limit=2))
    one, two, three, four = (f"checkpoint-{n}" for n in range(1, 5))
    assert written == [(one, []), (two, [one]), (three, [one, two]), (four, [two, three])]
    assert gone == [(one, [one, two, three]), (two, [two, three, four])]
    assert names() == [three, four]


def test_a_save_that_breaks_leaves_the_earlier_ones(settings, tmp_path, monkeypatch):
    from zhinao.train.loop import finish

    real, calls = finish.write_companions, []

    def breaks(source, tokenizer, folder):
        calls.append(folder)
        if len(calls) == 2:
            raise OSError("pulled the plug")
        real(source, tokenizer, folder)

    monkeypatch.setattr(finish, "write_companions", breaks)
    with pytest.raises(OSError, match="pulled"):
        train(settings(save_strategy="steps", save_steps=1, max_steps=4, save_total_limit=1))
    assert [path.name for path in checkpoints.of(tmp_path / "run")] == ["checkpoint-1"]


def test_room_is_looked_for_before_saving(settings, tmp_path, monkeypatch):
    def full(folder, num_bytes, hint=None):
        if num_bytes > 100_000:  # the encoded data are less
            raise DiskError("full")

    monkeypatch.setattr("zhinao.train.loop.room.check", lambda *_: None)  # there was room when it started
    monkeypatch.setattr("zhinao.files.check_free_space", full)
    with pytest.raises(DiskError):
        train(settings(save_strategy="steps", save_steps=1))
    assert not checkpoints.of(tmp_path / "run")


def test_a_finished_run_does_no_further_step(settings, tmp_path):
    """transformers looks only after each step whether it was the last one."""
    run = tmp_path / "run"
    train(settings(save_strategy="steps", save_steps=2))
    before = weights(run)
    outcome = train(settings(save_strategy="steps", save_steps=2, resume="auto"))
    assert outcome.is_finished and outcome.num_steps == 4
    assert weights(run) == before
    assert [path.name for path in checkpoints.of(run)] == ["checkpoint-2", "checkpoint-4"]
    assert json.loads((run / "run.json").read_text())["sessions"][-1]["outcome"] == "finished"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A checkpoint as a machine that keeps its power leaves it; without a run."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("saved") / "checkpoint-4"
    (folder / "global_step4").mkdir(parents=True)
    (folder / checkpoints.STATE).write_text('{"global_step": 4}')
    save_file({"a": torch.ones(100)}, folder / "model.safetensors")
    for name in ("optimizer.pt", "rng_state.pth", "global_step4/mp_rank_00_model_states.pt"):
        torch.save({"a": torch.ones(100)}, folder / name)
    return folder


@pytest.mark.parametrize("share", [0, 0.5, 0.98])
@pytest.mark.parametrize(
    "name",
    [
        "trainer_state.json",
        "model.safetensors",
        "optimizer.pt",
        "rng_state.pth",
        "global_step4/mp_rank_00_model_states.pt",
    ],
)
def test_a_damaged_checkpoint_is_passed_over(settings, saved, tmp_path, capsys, name, share):
    run = tmp_path / "run"
    for step in (2, 4):
        shutil.copytree(saved, run / f"checkpoint-{step}")
    assert record.start_from(settings(resume="auto")) == run / "checkpoint-4"
    file = run / "checkpoint-4" / name
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    assert record.start_from(settings(resume="auto")) == run / "checkpoint-2"
    assert f"{file} is damaged" in capsys.readouterr().err
    with pytest.raises(UsageError, match="is damaged"):
        record.start_from(settings(resume=str(run / "checkpoint-4")))
    shutil.rmtree(run / "checkpoint-2")
    with pytest.raises(UsageError, match="No checkpoint"):
        record.start_from(settings(resume="auto"))


def test_resume_names_what_there_is(settings):
    train(settings(save_strategy="steps", save_steps=2))
    with pytest.raises(UsageError, match="no whole checkpoint") as error:
        train(settings(save_strategy="steps", save_steps=2, resume="checkpoint-3"))
    assert "checkpoint-" in error.value.hint
