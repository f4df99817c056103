"""Flags of a settings dataclass, in both spellings (`--data_path`, `--data-path`), and settings out of YAML and flags.

Booleans may stand alone or with True / False behind them, as in the publisher's script.
"""

import argparse
import dataclasses
import types
import typing

from zhinao import config
from zhinao.lang import tr
from zhinao.train.words import translated

GROUPS = {
    "data": ("data", "数据"),
    "model": ("model", "模型"),
    "method": ("method", "方法"),
    "preference": ("preference", "偏好"),
    "rollouts": ("completions", "采样"),
    "objective": ("objective", "目标函数"),
    "rewards": ("rewards", "奖励"),
    "optimisation": ("optimisation", "优化"),
    "memory": ("memory and precision", "显存与精度"),
    "saving": ("saving", "保存"),
    "evaluation": ("evaluation", "验证"),
    "reports": ("reports", "日志"),
    "processes": ("several processes", "多进程"),
}
T = typing.TypeVar("T")
_EXAMPLE = "dataloader_num_workers=2"


def add_arguments(parser: argparse.ArgumentParser, kind: type) -> None:
    """A positional CONFIG (YAML, may be left out) and one flag for each field of `kind`."""
    parser.add_argument("config", nargs="?", help=translated("YAML file with any of the settings below"))
    groups = {}
    for one in dataclasses.fields(kind):
        if one.metadata.get("help") is None:
            continue
        name = one.metadata["group"]
        if name not in groups:
            groups[name] = parser.add_argument_group(tr(*GROUPS.get(name, (name, name))))
        _add(groups[name], one)
    parser.add_argument(
        "--training_argument",
        "--training-argument",
        action="append",
        metavar="NAME=VALUE",
        help=translated("any other field of transformers' TrainingArguments"),
    )


def _add(group, one: dataclasses.Field) -> None:
    kind, spellings = _plain(one.type), [f"--{one.name}"]
    if "_" in one.name:
        spellings.append(f"--{one.name.replace('_', '-')}")
    text = translated(one.metadata["help"])
    if one.default not in (None, (), "", -1) and "default" not in text and "默认" not in text:
        shown = " ".join(map(str, one.default)) if isinstance(one.default, tuple) else one.default
        text += tr(f" (default {shown})", f"（默认 {shown}）")
    more = {}
    if kind is bool:
        more = {"nargs": "?", "const": True, "type": config.truth, "metavar": "True|False"}
    elif typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        more = {"nargs": "+", "type": item, "metavar": "X" if item is not str else "TEXT"}
    elif typing.get_origin(kind) is typing.Literal:
        more = {"choices": typing.get_args(kind)}
    else:
        more = {"type": kind, "metavar": {int: "N", float: "X"}.get(kind, "TEXT")}
    group.add_argument(*spellings, dest=one.name, default=None, help=text.replace("%", "%%"), **more)


def _plain(kind):
    """The type without `| None`."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return next(one for one in typing.get_args(kind) if one is not type(None))
    return kind


def settings_of(args: argparse.Namespace, kind: type[T]) -> T:
    """Settings from the parsed command line. Raises UsageError naming the file and key, or the flag."""
    flags = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(args).items()
        if name in {one.name for one in dataclasses.fields(kind)} and value is not None
    }
    result = config.load(kind, args.config, flags, _elsewhere(kind))
    more = dict(config.pair("--training_argument", word, _EXAMPLE) for word in args.training_argument or ())
    return dataclasses.replace(result, training_arguments={**result.training_arguments, **more}) if more else result


def _elsewhere(kind: type) -> dict[str, str]:
    """Settings that only `zhinao prefer` has, for a recipe that was given to another verb."""
    from zhinao.train.settings.prefer import PreferSettings

    own = {one.name for one in dataclasses.fields(PreferSettings)} - {one.name for one in dataclasses.fields(kind)}
    return dict.fromkeys(own, "zhinao prefer")
