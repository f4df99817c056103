"""Asks a witness process (see `witness.py`) and compares what two of them say. Compares; does not decide what to ask."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhinao.errors import ProofError
from zhinao.lang import tr

# The largest difference of a logit, relative to the largest logit: rounding noise of the type that was computed in.
_ALLOWED = {"float32": 1e-5, "float64": 1e-9, "float16": 2**-9, "bfloat16": 2**-6}


@dataclass(frozen=True)
class Job:
    """What both witnesses are asked. `texts` None: there is no tokenizer; `prompts` empty: no weights are loaded."""

    dtype: str
    num_threads: int
    prompts: tuple[tuple[int, ...], ...]
    num_new_tokens: int
    texts: list[str] | None
    conversation: tuple[dict, ...] | None


def ask(job: Job, folder: Path, knows_zhinao: bool, out: Path) -> dict:
    """Run one witness to its end and return its answers (`{}` where there is nothing to ask).

    Raises ProofError with its last words where it fails.
    """
    if not job.prompts and job.texts is None:
        return {}
    out.mkdir(parents=True)
    file = out / "job.json"
    what = {**vars(job), "folder": str(folder), "knows_zhinao": knows_zhinao, "out": str(out)}
    file.write_text(json.dumps(what), encoding="utf-8")
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    run = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("witness.py")), str(file)],
        env={**os.environ, **offline, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if run.returncode:
        raise ProofError(_last_words(folder, run))
    return json.loads((out / "answers.json").read_text(encoding="utf-8"))


def _last_words(folder: Path, run: subprocess.CompletedProcess) -> str:
    if run.returncode == -9:
        reason = tr("it was killed, most likely for lack of memory", "进程被终止，多半是内存不足")
    elif run.returncode == -signal.SIGPROF:
        reason = tr("its chat template takes too long for a short conversation", "其对话模板处理一段短对话耗时过长")
    else:
        reason = next((line for line in reversed(run.stderr.splitlines()) if line.strip()), f"exit {run.returncode}")
    return tr(f"Load: transformers cannot run {folder}: {reason}", f"加载：transformers 无法运行 {folder}：{reason}")


def compare_tokens(texts: list[str], reference: list, found: list, what: str) -> None:
    """Raise ProofError for the first text whose `reference` (ids or text) differs from what was `found`."""
    for text, wanted, other in zip(texts, reference, found, strict=True):
        if wanted != other:
            raise ProofError(
                tr(
                    f"Tokenizer: {what} of {text!r} differs: {_short(wanted)} before, {_short(other)} after.",
                    f"分词器：{text!r} 的{what}不一致：转换前 {_short(wanted)}，转换后 {_short(other)}。",
                )
            )


def compare_logits(names: list[str], source: Path, converted: Path, dtype: str) -> dict:
    """Largest difference over all prompts. Raises ProofError with the place and both values where it is no rounding."""
    largest, scale, num_values = 0.0, 0.0, 0
    for number, name in enumerate(names):
        first, second = (np.load(folder / f"logits-{number}.npy", mmap_mode="r") for folder in (source, converted))
        if first.shape != second.shape:
            raise _logits_differ(name, "shape", first.shape, second.shape)
        num_values += first.size
        scale = max(scale, float(np.abs(first).max()))
        difference = np.abs(first - second)
        place = np.unravel_index(int(np.nan_to_num(difference, nan=np.inf).argmax()), first.shape)
        value = float(difference[place])
        if not value <= _ALLOWED[dtype] * max(1.0, scale):
            where = tr(f"position {place[0]}, token {place[1]}", f"位置 {place[0]}，token {place[1]}")
            raise _logits_differ(name, where, float(first[place]), float(second[place]))
        largest = max(largest, value)
    return {
        "largest_difference": largest,
        "largest_logit": scale,
        "allowed_difference": _ALLOWED[dtype] * max(1.0, scale),
        "num_values": num_values,
    }


def compare_greedy(names: list[str], source: list[list[int]], converted: list[list[int]]) -> dict:
    """Greedy answers must be the same token for token. Returns the number of tokens a prompt."""
    for name, wanted, found in zip(names, source, converted, strict=True):
        for place, (first, second) in enumerate(zip(wanted, found, strict=True)):
            if first != second:
                raise ProofError(
                    tr(
                        f"Greedy tokens: prompt {name!r}, new token {place}: {first} before, {second} after.",
                        f"贪心生成：提示 {name!r} 的第 {place} 个新 token：转换前 {first}，转换后 {second}。",
                    )
                )
    return {name: len(ids) for name, ids in zip(names, source, strict=True)}


def _logits_differ(name: str, where: str, first, second) -> ProofError:
    return ProofError(
        tr(
            f"Logits: prompt {name!r}, {where}: {first} before, {second} after.",
            f"Logits：提示 {name!r}，{where}：转换前 {first}，转换后 {second}。",
        )
    )


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
