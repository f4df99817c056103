"""Everything that `zhinao plan` tells: the plan, changes that make it fit, what was measured."""

import argparse
import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhinao import hub
from zhinao.errors import UsageError, ZhinaoError
from zhinao.family import DEMO
from zhinao.lang import tr
from zhinao.plan import changes, devices, measure, plan, sharing
from zhinao.plan.changes import Change
from zhinao.plan.devices import Device
from zhinao.plan.measure import Measured
from zhinao.plan.plan import Data, Plan
from zhinao.train.net import context, sizes
from zhinao.train.settings import precision
from zhinao.train.settings.settings import TrainSettings


@dataclass(frozen=True)
class Report:
    """notes: sentences on what was assumed."""

    plan: Plan
    changes: list[Change]
    measured: Measured | None
    notes: list[str]

    def as_dict(self) -> dict:
        return {
            "plan": _plain(self.plan),
            "changes": [
                {"flags": list(change.flags), "learns_the_same": change.is_same, "plan": _plain(change.plan)}
                for change in self.changes
            ],
            "measured": None if self.measured is None else dataclasses.asdict(self.measured),
            "notes": self.notes,
        }


def _plain(one: Plan) -> dict:
    pace = one.pace
    return {
        "gpu": one.device.name,
        "num_gpus": one.num_devices,
        "parallel": sharing.mode(one.settings, one.num_devices),
        "fits": one.fits,
        "left_share": round(one.left, 4),
        "capacity_bytes": one.capacity,
        "needed_bytes": one.needed,
        "estimated_bytes": one.stack.total,
        "moment": one.stack.moment,
        "parts_bytes": one.stack.parts,
        "host_bytes": one.stack.host,
        "tokens_per_second": round(pace.tokens_per_second, 1),
        "speed": pace.source,
        "is_measured": pace.source == "measured",
        "num_steps": pace.num_steps,
        "hours": pace.hours,
    }


def make(settings: TrainSettings, args: argparse.Namespace) -> Report:
    """Raises UsageError, ModelNotFoundError, CheckpointError, DataError, and with `--measure` ProbeError."""
    device, num_devices, notes = _device(args)
    model = sizes.find(settings.model_name_or_path)
    if model.is_assumed:
        notes.append(
            tr(
                f"{settings.model_name_or_path} is not on this machine: the family's known sizes are taken.",
                f"本机没有 {settings.model_name_or_path}：采用该系列的已知尺寸。",
            )
        )
    context.check(settings, model.arch)
    data, prepared = _data(settings, args.tokenizer, notes)
    baseline = measure.baseline() if device.is_cpu else 0
    given = {"tokens_per_second": args.tokens_per_second, "baseline": baseline}
    first = plan.make(settings, model, data, device, num_devices, **given)
    if settings.bf16 and not first.settings.bf16:
        notes.append(precision.sentence())
    measured = None
    if args.measure:
        measured = _measure(first, settings, prepared)
        first = plan.make(settings, model, data, device, num_devices, measured=measured, **given)
    attempt = plan.trial(first, data, baseline)
    found = [] if first.fits else changes.cheapest(first.settings, num_devices, not device.is_cpu, attempt)
    return Report(first, found, measured, notes)


def _device(args: argparse.Namespace) -> tuple[Device, int, list[str]]:
    if args.gpu:
        return devices.find(args.gpu), args.num_gpus or 1, []
    if here := devices.of_this_machine():
        return here[0], args.num_gpus or here[1], []
    note = tr("No --gpu, and this machine has none: planned for h100.", "未指定 --gpu，本机也没有：按 h100 规划。")
    return devices.find("h100"), args.num_gpus or 1, [note]


def _data(settings: TrainSettings, tokenizer: str | None, notes: list[str]):
    """Lengths as the trainer will have them, and what was prepared for it; neither without data or without a tokenizer."""
    if not settings.data_path:
        notes.append(
            tr("No --data_path: every row is taken as full and wholly trained.", "未指定 --data_path：假定每行都是满的且全部参与训练。")
        )  # fmt: skip
        return Data(), None
    from zhinao.train.method import rows as documents

    train: Any = documents.prepare(settings, _tokenizer(tokenizer or settings.model_name_or_path)).train
    found = documents.found_lines(train.documents.found, train.documents.losses.total)
    notes += [line.strip() for line in found]
    return Data(train.documents.lengths, train.documents.num_supervised, train.rows), train


def _tokenizer(model: str) -> Path:
    """The folder with the tokenizer of MODEL, whose few files are fetched where they are not here. Raises UsageError."""
    if (here := sizes.folder(model)) is not None:
        return here
    try:
        return hub.resolve_tokenizer(model).path
    except ZhinaoError as error:
        raise UsageError(
            tr(
                f"Tokens cannot be counted: the tokenizer of {model} is not here. {error.message}",
                f"无法计算 token 数：本机没有 {model} 的分词器。{error.message}",
            ),
            tr(
                f"--tokenizer {DEMO} counts with the demo model's (an English one: Chinese is counted too high), or leave --data_path out",
                f"用 --tokenizer {DEMO} 按演示模型的分词器计数（英文模型，中文会偏多），或不加 --data_path",
            ),
        ) from None


def _measure(first: Plan, settings: TrainSettings, rows) -> Measured:
    """Only where the device is the one planned for."""
    here = devices.of_this_machine()
    if not first.device.is_cpu and (here is None or here[0] != first.device):
        raise UsageError(
            tr(
                f"--measure runs on this machine, which has no {first.device.name}.",
                f"--measure 在本机运行，而本机没有 {first.device.name}。",
            ),
            tr("--gpu cpu measures on the processor", "--gpu cpu 在处理器上测量"),
        )
    if (how := sharing.mode(first.settings, first.num_devices)) != "single":
        raise UsageError(
            tr(f"--measure runs in one process, without {how}.", f"--measure 只在单进程中运行，不支持 {how}。"),
            "--num_gpus 1",
        )
    batch = [rows.documents[place] for place in first.work.heaviest_documents] if rows else _invented(first)
    folder = sizes.folder(settings.model_name_or_path)
    said = tr("Running three steps on the heaviest batch …", "正在用最重的一批数据跑三步……")
    print(said, file=sys.stderr)
    return measure.run(first.settings, folder, first.sizes.arch.raw, batch)


def _invented(one: Plan) -> list:
    """Documents as long as the planned ones, of ids that mean nothing."""
    import numpy as np

    from zhinao.data.encode.encoding import Encoded
    from zhinao.data.sample import Place

    place = Place("", None, 1)
    random = np.random.default_rng(0)
    result = []
    for length in one.work.heaviest.lengths:
        weights = np.ones(length, np.float32)
        weights[:1] = 0
        result.append(Encoded(random.integers(0, one.sizes.arch.vocab_size, length).astype(np.int32), weights, place))
    return result
