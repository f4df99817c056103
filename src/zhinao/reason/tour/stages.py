"""The stages of the tour, one function each: from one model folder to the next. What they print stands in `tour.py`."""

import importlib.util
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zhinao import outfile
from zhinao.errors import ZhinaoError
from zhinao.lang import tr
from zhinao.reason import problems
from zhinao.reason.problems import Problem, conversation
from zhinao.reason.tour import model, training
from zhinao.reason.tour.asking import Asker, accuracy, grades
from zhinao.reason.tour.training import Enough


@dataclass(frozen=True)
class Size:
    """How much of everything. `targets`: sampled accuracy on the held-out problems at which SFT 1 and SFT 2 end; seconds are the most
    that a stage may train."""

    num_test: int = 256
    num_held: int = 96
    num_additions: int = 3000
    num_rated: int = 300
    num_samples: int = 8
    targets: tuple[float, float] = (0.25, 0.45)
    seconds: tuple[float, float] = (150, 150)
    check_every: int = 25
    rft_epochs: int = 3
    grpo_steps: int = 40
    grpo_prompts: int = 16


WHOLE = Size()
SHORT = Size(
    num_test=96, num_held=48, num_additions=1500, num_rated=64, num_samples=4, targets=(0.1, 0.2), seconds=(40, 40),
    rft_epochs=1, grpo_steps=4, grpo_prompts=8,
)  # fmt: skip


@dataclass
class Problems:
    """Disjoint by their numbers. `test` is asked after each stage; `held` decides when a stage ends; the rest teaches."""

    test: list[Problem]
    held: list[Problem]
    easy: list[Problem]
    hard: list[Problem]
    notes: list[str] = field(default_factory=list)


def pose(size: Size, seed: int) -> Problems:
    draw = random.Random(seed)
    cages, sums = problems.cages(draw), problems.additions(size.num_additions, draw)
    asked = problems.cage(14, 5, "zh")
    cages = [asked, *(one for one in cages if one.key != asked.key)]
    tested, held = size.num_test // 4, size.num_held // 4  # of cages there are few
    ends = tested, tested + held
    return Problems(
        [*cages[: ends[0]], *sums[: 3 * ends[0]]],
        [*cages[slice(*ends)], *sums[3 * ends[0] : 3 * ends[1]]],
        sums[3 * ends[1] :],
        cages[ends[1] :],
    )


def decontaminate(posed: Problems) -> str:
    """A sentence. Problems are disjoint by their numbers already; the stage shows that it would have seen otherwise."""
    tested = {one.key for one in (*posed.test, *posed.held)}
    before = len(posed.easy) + len(posed.hard)
    posed.easy = [one for one in posed.easy if one.key not in tested]
    posed.hard = [one for one in posed.hard if one.key not in tested]
    dropped = before - len(posed.easy) - len(posed.hard)
    if importlib.util.find_spec("zhinao.reason.decontaminate") is None:
        return tr(
            f"Compared by their numbers alone ({dropped} left out): `zhinao reason decontaminate` is not part of this installation.",
            f"仅按数字比较（略过 {dropped} 道）：此安装不含 `zhinao reason decontaminate`。",
        )
    return tr(f"{dropped} problems left out.", f"略过 {dropped} 道题。")


def sft(
    source: Path,
    out: Path,
    posed: Sequence[Problem],
    held: list[Problem],
    target: float,
    seconds: float,
    size: Size,
    seed: int,
):
    """Supervised fine-tuning on worked thoughts until the sampled accuracy on `held` is enough. Returns folder and what was seen."""
    data = _written(out.with_suffix(".jsonl"), [one.conversation() for one in posed])
    enough = Enough(lambda asker: _rate(asker, held), target, seconds, size.check_every, size.check_every)
    training.supervised(source, data, out, enough=enough, num_train_epochs=1000, warmup_steps=20, seed=seed)
    return out, enough.seen


def rate(
    source: Path, out: Path, posed: Sequence[Problem], num_samples: int
) -> list[tuple[Problem, list[str], list[float]]]:
    """Each problem with samples and grades; the pass rates are written."""
    drawn = Asker.load(source).draw(posed, num_samples)
    rows = list(zip(posed, drawn, grades(posed, drawn), strict=True))
    _written(out, [{**one.to_json(), "pass_rate": sum(right) / len(right)} for one, _, right in rows])
    return rows


def rft(source: Path, out: Path, rated, size: Size, seed: int) -> tuple[Path, int]:
    """Learn from what the model got right itself: each different right completion once. Returns folder and how many there were."""
    kept = [
        conversation(one.prompt, text)
        for one, texts, right in rated
        for text in dict.fromkeys(text for text, is_right in zip(texts, right, strict=True) if is_right)
    ]
    if not kept:
        raise ZhinaoError(
            tr("No sample was right, so there is nothing to learn from.", "没有正确的样本，无从学习。"), "--seed 1"
        )
    data = _written(out.with_suffix(".jsonl"), kept)
    training.supervised(source, data, out, num_train_epochs=size.rft_epochs, learning_rate=5e-4, seed=seed)
    return out, len(kept)


def grpo(source: Path, out: Path, rated, size: Size, seed: int) -> Path:
    """Problems that are sometimes right and sometimes wrong teach most."""
    useful = [one for one, _, right in rated if 0 < sum(right) < len(right)] or [one for one, _, _ in rated]
    data = _written(out.with_suffix(".jsonl"), [one.to_json() for one in useful])
    num = size.grpo_prompts * 8
    return training.reinforced(
        source, data, out, max_steps=size.grpo_steps, num_train_epochs=1000, learning_rate=1e-4, seed=seed, warmup_steps=0.1,
        per_device_train_batch_size=num, logging_steps=1,
    )  # fmt: skip


def convert(source: Path, out: Path) -> Path:
    from zhinao.export.convert import convert as converted

    return converted(source, "qwen2", out, is_forced=True, proves=False).folder


def tested(folder: Path, posed: Problems) -> tuple[float, tuple[float, float]]:
    """Sampled accuracy on the test problems at temperature 1, a sample each, and its 95 % interval. The same seed each time."""
    import torch

    torch.manual_seed(0)
    return accuracy(grades(posed.test, Asker.load(folder).draw(posed.test)))


def first(out: Path, seed: int) -> Path:
    return model.make(out, seed)


def _rate(asker: Asker, posed: Sequence[Problem]) -> float:
    return accuracy(grades(posed, asker.draw(posed)))[0]


def _written(file: Path, records: list[dict]) -> Path:
    import json

    outfile.write_text(file, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records))
    return file
