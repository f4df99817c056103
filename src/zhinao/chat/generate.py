"""`zhinao generate`: completion of a text by a base model, from arguments, files or a pipe."""

import argparse
import contextlib
import os
import sys
from collections import deque
from collections.abc import Iterator
from io import TextIOBase
from pathlib import Path
from typing import TextIO

from zhinao import outfile
from zhinao.api.model import Model
from zhinao.api.reply import Reply
from zhinao.api.stream import ReplyStream
from zhinao.chat import arguments
from zhinao.chat.blocks import harmless
from zhinao.chat.words import translated
from zhinao.engine.base import LENGTH, STOP
from zhinao.errors import UsageError
from zhinao.lang import tr

_AT_ONCE = 8  # requests that run together; the engine shares the work


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help=translated("folder, GGUF file, hub id or short name"),
    )
    parser.add_argument(
        "text",
        nargs="*",
        metavar="TEXT",
        help=translated("what to continue (default: what is piped in)"),
    )
    parser.add_argument("--input", type=Path, metavar="FILE", help=translated("continue the text of FILE"))
    parser.add_argument(
        "--lines",
        action="store_true",
        help=translated("each line is a prompt of its own (needs --json)"),
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=translated("write here, whole or not at all; - is stdout"),
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help=translated("one JSON object a line: prompt, text, ids, finish_reason, usage, seed"),
    )
    parser.add_argument(
        "--logprobs",
        action="store_true",
        help=translated("with --json: log-likelihood of each token"),
    )
    parser.add_argument(
        "-n",
        type=int,
        default=1,
        metavar="N",
        help=translated("answers for each prompt, with seeds S, S+1 …"),
    )
    arguments.add(parser)


def run(args: argparse.Namespace) -> int:
    settings = arguments.read(args)
    if settings.system is not None or settings.thinking_budget is not None:
        raise UsageError(
            tr(
                f"{args.config}: system and thinking_budget are for `zhinao chat`.",
                f"{args.config}：system 与 thinking_budget 只用于 `zhinao chat`。",
            )
        )
    if args.n < 1:
        raise UsageError(tr(f"-n is {args.n}; allowed: 1, 2 …", f"-n 为 {args.n}，应不小于 1。"))
    if args.logprobs and not args.json:
        raise UsageError(tr("--logprobs needs --json.", "--logprobs 需要与 --json 合用。"))
    prompts = _prompts(args)
    if len(prompts) > 1 and not args.json:
        raise UsageError(
            tr(
                "--lines needs --json: several answers could not be told apart.",
                "--lines 需要 --json，否则无法区分多个结果。",
            )
        )
    with _output(args.output) as out, settings.load() as model:
        for number, (prompt, seed, stream) in enumerate(_streams(model, prompts, args, settings.request)):
            _write(out, stream, prompt, seed, args, number)
    return 0


def _prompts(args: argparse.Namespace) -> list[str]:
    """From the arguments, else the file, else the pipe. Raises UsageError where there is none."""
    if args.text and args.input:
        raise UsageError(tr("Give TEXT or --input, not both.", "TEXT 与 --input 只能给出一个。"))
    if args.text:
        text = " ".join(args.text)
    elif args.input:
        text = arguments.read_text(args.input)
    elif not arguments.is_piped():
        raise UsageError(
            tr("There is no text to continue.", "没有要续写的文本。"),
            "zhinao generate MODEL --input FILE",
        )
    else:
        text = arguments.read_piped()
    prompts = [line for line in arguments.lines(text) if line.strip()] if args.lines else [text]
    if not any(prompts):
        raise _no_text(args)
    return prompts


def _no_text(args: argparse.Namespace) -> Exception:
    from zhinao.hub.locate import check_path

    check_path(args.model)  # a prompt would not help
    if args.input and not args.text:
        return UsageError(
            tr(f"{args.input}: there is no text in it.", f"{args.input}：其中没有文本。"),
            "zhinao generate MODEL --input FILE",
        )
    return UsageError(tr("The prompt is empty.", "提示为空。"), 'zhinao generate MODEL "…"')


def _streams(model: Model, prompts: list[str], args, request: dict) -> Iterator[tuple[str, int | None, ReplyStream]]:
    """(prompt, seed, reply under way) in order; up to _AT_ONCE run at the same time."""
    first = request.pop("seed", None)
    if first is None and (args.n > 1 or args.json):
        first = int.from_bytes(os.urandom(4)) >> 1  # named in the output, so that an answer can be had again
    jobs = deque((prompt, None if first is None else first + n) for prompt in prompts for n in range(args.n))
    running: deque[tuple[str, int | None, ReplyStream]] = deque()
    while jobs or running:
        while jobs and len(running) < _AT_ONCE:
            prompt, seed = jobs.popleft()
            running.append((prompt, seed, model.stream_text(prompt, **request, seed=seed, logprobs=args.logprobs)))
        yield running.popleft()


def _write(out: TextIOBase | TextIO, stream: ReplyStream, prompt: str, seed: int | None, args, number: int) -> None:
    """One answer: as it comes, or as a JSON line at its end."""
    if args.json:
        reply = stream.result()
        record = {
            "prompt": prompt,
            "text": reply.text,
            "ids": reply.ids,
            "finish_reason": reply.finish_reason,
            "seed": seed,
            "usage": {"prompt_tokens": reply.usage.prompt_tokens, "completion_tokens": reply.usage.completion_tokens},
        }
        if args.logprobs:
            record["logprobs"] = reply.logprobs
        out.write(outfile.json_text(record, out) + "\n")
        out.flush()
        return
    if args.n > 1:
        out.write("\n" * (number > 0) + f"=== {number + 1}/{args.n} · seed {seed} ===\n")
    is_terminal = out.isatty()
    with stream:
        for event in stream:
            out.write(harmless(event.text) if is_terminal else event.text)
            out.flush()
    if is_terminal or args.n > 1:
        out.write("\n")
        out.flush()
    print(_ended(stream.result()), file=sys.stderr)


def _ended(reply: Reply) -> str:
    """How long an answer is, and why it goes no further: by its `finish_reason`, as the JSON lines name it."""
    num, why = reply.usage.completion_tokens, reply.finish_reason
    if why == LENGTH:
        return tr(
            f"zhinao: {num} tokens, cut off at --max-tokens or the end of the context ({why}).",
            f"zhinao：{num} 个 token，达到 --max-tokens 或上下文上限而截断（{why}）。",
        )
    if why == STOP:
        return tr(f"zhinao: {num} tokens, come to an end ({why}).", f"zhinao：{num} 个 token，自行结束（{why}）。")
    return tr(f"zhinao: {num} tokens ({why}).", f"zhinao：{num} 个 token（{why}）。")


def _output(file: Path | None) -> contextlib.AbstractContextManager[TextIOBase | TextIO]:
    """stdout, or a file that takes its name only when everything is written. Raises DiskError."""
    return contextlib.nullcontext(sys.stdout) if file in (None, Path("-")) else outfile.atomic_text(file)
