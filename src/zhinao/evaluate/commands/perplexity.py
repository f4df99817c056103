"""`zhinao eval perplexity MODEL --text FILE`: reads the text, opens the model, prints what `perplexity.py` measures."""

import argparse
from dataclasses import asdict
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate import perplexity
from zhinao.evaluate.commands import running
from zhinao.evaluate.perplexity import Perplexity
from zhinao.lang import tr
from zhinao.outfile import json_text


def run(args: argparse.Namespace, model: str) -> int:
    text = _text(args.text)
    if args.url:
        raise UsageError(tr("perplexity runs on a model that is loaded here.", "困惑度只能在本机加载的模型上计算。"))
    with running.open_backend(args, model) as backend:
        loaded = backend.model
        window, stride = _window(args, loaded.engine.info.num_context_tokens)
        ids = loaded.tokenizer.encode(text)
        if len(ids) < 2:
            raise UsageError(
                tr(f"{args.text} is one token; two are needed.", f"{args.text} 只有一个 token，至少需要两个。")
            )
        found = perplexity.measure(loaded.engine.score_many, ids, text, window, stride)
        print(json_text(_as_json(found, backend.name), indent=1) if args.json else _said(found))
    return 0


def _text(file: Path | None) -> str:
    if file is None:
        raise UsageError(tr("No text is named.", "没有指定文本。"), "zhinao eval perplexity MODEL --text FILE")
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            tr(f"{file} cannot be read: {error.strerror}.", f"无法读取 {file}：{error.strerror}。")
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(
            tr(f"{file} is not UTF-8 (byte {error.start}).", f"{file} 不是 UTF-8 编码（第 {error.start} 字节）。")
        ) from None
    if not text:
        raise UsageError(tr(f"{file} is empty.", f"{file} 是空文件。"))
    return text


def _window(args: argparse.Namespace, most: int) -> tuple[int, int]:
    window = args.window or min(most, perplexity.WINDOW)
    stride = args.stride or window // 2
    if not 2 <= window <= most:
        raise UsageError(
            tr(f"--window is {window}; allowed: 2 to {most}.", f"--window 为 {window}，应为 2 至 {most}。")
        )
    if not 1 <= stride < window:
        raise UsageError(
            tr(f"--stride is {stride}; allowed: 1 to {window - 1}.", f"--stride 为 {stride}，应为 1 至 {window - 1}。")
        )
    return window, stride


def _as_json(found: Perplexity, model: str) -> dict:
    names = ("per_token", "per_byte", "per_character", "bits_per_byte")
    return {"model": model, **asdict(found), **{name: getattr(found, name) for name in names}}


def _said(found: Perplexity) -> str:
    return tr(
        f"perplexity {found.per_token:.4f} a token, {found.per_byte:.4f} a byte, {found.per_character:.4f} a character; "
        f"{found.bits_per_byte:.4f} bits a byte\n"
        f"{found.num_tokens:,} tokens counted (all but the first), {found.num_bytes:,} bytes, {found.num_characters:,} characters; "
        f"window {found.window}, stride {found.stride}",
        f"困惑度：每 token {found.per_token:.4f}，每字节 {found.per_byte:.4f}，每字符 {found.per_character:.4f}；"
        f"每字节 {found.bits_per_byte:.4f} 比特\n"
        f"计入 {found.num_tokens:,} 个 token（除第一个外的全部），{found.num_bytes:,} 字节，{found.num_characters:,} 字符；"
        f"窗口 {found.window}，步长 {found.stride}",
    )
