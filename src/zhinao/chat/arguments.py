"""Flags and settings that `chat` and `generate` share. Loads no model until asked."""

import argparse
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO

from zhinao import config
from zhinao.api import options
from zhinao.chat.words import translated
from zhinao.engine.bounds import BOUNDS
from zhinao.errors import UsageError
from zhinao.family import DEMO
from zhinao.lang import tr
from zhinao.oserrors import next_step, reason

MAX_BYTES = 2**28  # of a text: no model reads as much, and /dev/zero has no end
ENGINES = ("auto", "openvino", "vllm", "transformers")


@dataclass(frozen=True)
class Settings:
    """Flags of `chat` and `generate`, and the keys of a `--config` file. None: as the checkpoint or the engine has it."""

    model: str | None = None
    engine: str = "auto"
    quant: str | None = None
    device: str = "auto"
    threads: int | None = None
    offline: bool = False
    source: str | None = None
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | str | None = None
    thinking_budget: int | None = None

    @property
    def request(self) -> dict:
        """What goes with each request."""
        names = [field.name for field in fields(self) if field.name in options.NAMES]
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def load(self):
        """The model. Raises what `zhinao.load` raises."""
        from zhinao.api import load

        return load(
            self.model or DEMO,
            engine=self.engine,
            quant=self.quant,
            device=self.device,
            num_threads=self.threads,
            offline=self.offline,
            source=self.source,
        )


def read(args: argparse.Namespace) -> Settings:
    """Settings from the file and the flags, checked before anything slow begins. Raises UsageError."""
    settings = config.load(Settings, args.config, vars(args))
    options.read(settings.request, {}, ())
    return settings


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of Settings. Their defaults are None, so that a file's value is seen."""
    model = parser.add_argument_group(translated("model"))
    model.add_argument("--engine", choices=ENGINES, help=translated("engine (default: the fastest here)"))
    model.add_argument("--quant", metavar="Q", help=translated("weights' precision: bf16, int8 …"))
    model.add_argument("--device", help=translated("device: auto, cpu, cuda …"))
    model.add_argument("--threads", type=int, metavar="N", help=translated("threads of the engine"))
    model.add_argument("--offline", action="store_const", const=True, help=translated("open no connection"))
    model.add_argument("--source", metavar="HUB", help=translated("huggingface or modelscope"))
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        help=translated("settings in YAML, named as the flags with _ for -"),
    )
    drawing = parser.add_argument_group(translated("sampling (default: the checkpoint's)"))
    for name, kind, sentence in (
        ("temperature", float, tr("0 takes the likeliest token", "0 表示总取最可能的 token")),
        ("top_p", float, tr("least share of probability kept", "保留的累计概率")),
        ("top_k", int, tr("number of tokens kept; 0: all", "保留的 token 数，0 为不限")),
        ("min_p", float, tr("least probability, as share of the highest", "相对最高概率的下限")),
        ("presence_penalty", float, tr("against tokens that have occurred", "减少已出现的 token")),
        ("frequency_penalty", float, tr("against tokens, by how often they occurred", "按出现次数减少 token")),
        ("repetition_penalty", float, tr("1 switches it off", "1 表示关闭")),
        ("seed", int, tr("same seed, same answer", "相同种子得到相同回答")),
        ("max_tokens", int, tr("most new tokens", "最多生成的 token 数")),
    ):
        drawing.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            metavar="N" if kind is int else "X",
            help=sentence
            + (tr(f" ({BOUNDS[name]})", f"（{BOUNDS[name]}）") if (BOUNDS[name].high or 101) <= 100 else ""),
        )
    drawing.add_argument(
        "--stop",
        action="append",
        metavar="TEXT",
        help=translated("end before this text (may be given again)"),
    )


def read_text(file: Path) -> str:
    """A text file or pipe; CRLF becomes a line feed, every other character stays. Raises UsageError, also where it has no end."""
    try:
        with file.open("rb") as stream:
            return _text(stream, str(file)).replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(
            tr(f"{file}: cannot be read ({reason(error)}).", f"{file}：无法读取（{reason(error)}）。"),
            next_step(file, error),
        ) from None


def _text(stream: BinaryIO, name: str) -> str:
    """No more than MAX_BYTES are read. Raises UsageError."""
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        size = f"{MAX_BYTES >> 20} MiB"
        raise UsageError(
            tr(f"{name}: is longer than {size}, the most that is read.", f"{name}：超过 {size}，这是可读取的上限。"),
            tr("divide it into several files", "请拆成几个文件"),
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(tr(f"{name}: is not UTF-8 text.", f"{name}：不是 UTF-8 文本。")) from None


def lines(text: str) -> list[str]:
    """Only a line feed, with or without a carriage return, ends a line: U+2028, U+0085 and form feeds are text."""
    return text.replace("\r\n", "\n").split("\n")


def is_piped() -> bool:
    """Whether a text comes by pipe or redirection."""
    return sys.stdin is not None and not sys.stdin.isatty()


def read_piped() -> str:
    """What was piped in. Raises UsageError where it is no text, or has no end."""
    return _text(sys.stdin.buffer, tr("standard input", "标准输入"))
