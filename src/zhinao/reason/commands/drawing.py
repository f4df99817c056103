"""What `reason rate` and `reason sample` share: their flags, the model that answers, and draws that may not all have come."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from zhinao.errors import EngineError, UsageError
from zhinao.evaluate.backend.base import Backend
from zhinao.evaluate.commands import loading
from zhinao.lang import said, tr
from zhinao.reason.words import translated

BOXED = r"Please reason step by step, and put your final answer within \boxed{}."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "data",
        metavar="DATA",
        help=translated("problems with known answers: prompt (problem, question, messages) and gold (answer)"),
    )
    add("model", metavar="MODEL", nargs="?", help=translated("folder, hub id or short name; with --url its name there"))
    add("--out", "-o", metavar="FILE", type=Path, required=True, help=translated("file to write (.jsonl)"))
    add("-k", type=int, default=4, metavar="K", help=translated("answers a problem (default: %(default)s)"))
    add(
        "--draws",
        metavar="DIR",
        type=Path,
        help=translated("folder that keeps the answers; `rate` and `sample` may share it (default: FILE.draws)"),
    )
    add(
        "--grader",
        choices=("mathematics", "choices"),
        default="mathematics",
        help=translated("who grades the answers (default: %(default)s)"),
    )
    add(
        "--instruction",
        metavar="TEXT",
        default=BOXED,
        help=translated("stands behind each problem; '' for nothing (default: %(default)s)"),
    )
    add(
        "--max-tokens",
        type=int,
        default=1024,
        metavar="N",
        help=translated("most tokens of an answer (default: %(default)s)"),
    )
    add("--temperature", type=float, default=1.0, metavar="X", help=translated("of sampling (default: %(default)s)"))
    add("--top-p", type=float, default=1.0, metavar="X", help=translated("of sampling (default: %(default)s)"))
    add("--seed", type=int, default=42, help=translated("of sampling (default: %(default)s)"))
    add("--force", action="store_true", help=translated("replace what is there"))
    group = parser.add_argument_group(translated("model"))
    group.add_argument(
        "--url",
        action="append",
        metavar="URL",
        help=translated("ask this OpenAI-compatible server; several share the work"),
    )
    loading.add_arguments(group)


def drawn(args: argparse.Namespace, *targets: Path) -> list[tuple]:
    """Problems, each with all its draws. Raises UsageError for what cannot be meant, EngineError where draws are missing still."""
    _check(args, targets)
    from zhinao.reason import draws, problem_files

    found = problem_files.read([args.data], args.instruction)
    how = draws.How(args.k, args.max_tokens, args.temperature, args.top_p, args.seed, args.grader)
    folder = args.draws or args.out.with_name(args.out.name + ".draws")
    with _backend(args) as backend:
        answers, failed = draws.draw(found, backend, folder, how)
    if failed:
        raise _missing(failed)
    return list(zip(found, answers, strict=True))


def _missing(failed: Sequence) -> EngineError:
    return EngineError(
        tr(
            f"{len(failed)} answers could not be had; the first: {said(failed[0].message)}",
            f"有 {len(failed)} 个回答未能得到，第一个：{said(failed[0].message)}",
        ),
        tr("the same command asks for them again", "用同一命令可再次提问"),
    )


def _backend(args: argparse.Namespace) -> Backend:
    if args.url:
        from zhinao.evaluate.backend.url import UrlBackend

        return UrlBackend(args.url, args.model)
    return loading.loaded(args, args.model, chat_for=f"{args.data}")


def _check(args: argparse.Namespace, targets: Sequence[Path]) -> None:
    from zhinao.data.commands.output import check_target

    if not args.model and not args.url:
        raise UsageError(tr("No model is named.", "没有指定模型。"), "DATA MODEL")
    for name, least in (("k", 1), ("max_tokens", 1), ("temperature", 0)):
        if getattr(args, name) < least:
            flag = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
            raise UsageError(tr(f"{flag} must be at least {least}.", f"{flag} 不能小于 {least}。"))
    for target in targets:
        check_target(target, args.force)
