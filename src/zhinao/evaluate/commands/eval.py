"""`zhinao eval`: run benchmarks on a model, and look at runs: TASK MODEL | show RUN | diff RUN RUN | list | fetch TASK | perplexity MODEL."""

import argparse
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.commands import loading
from zhinao.evaluate.words import translated
from zhinao.lang import tr

INNER = ("show", "diff", "list", "fetch", "perplexity")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="+",
        metavar="WORD",
        help=translated("TASK[,TASK…] MODEL; or: show RUN, diff RUN RUN, list, fetch TASK, perplexity MODEL"),
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help=translated("folder with the benchmarks' files"))
    parser.add_argument(
        "--out", type=Path, metavar="RUN", help=translated("folder of the run (default: by task and model)")
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help=translated("so many items a task, the same in every run")
    )
    parser.add_argument("--dry-run", action="store_true", help=translated("say items, tokens and time, and end"))
    parser.add_argument("--json", action="store_true", help=translated("print as JSON"))
    parser.add_argument(
        "--opencompass",
        type=Path,
        metavar="FILE.py",
        help=translated("write a configuration of OpenCompass for the same rows, and end"),
    )
    parser.add_argument(
        "--allow-code", action="store_true", help=translated("run code that the model wrote, in a sandbox")
    )
    asking = parser.add_argument_group(translated("asking"))
    asking.add_argument(
        "--num-samples", type=int, metavar="K", help=translated("draws an item, where a task draws (default: its own)")
    )
    asking.add_argument("--max-tokens", type=int, metavar="N", help=translated("most new tokens (default: the task's)"))
    asking.add_argument(
        "--seed", type=int, default=42, help=translated("of draws and of --limit (default: %(default)s)")
    )
    asking.add_argument(
        "--url",
        action="append",
        metavar="URL",
        help=translated("ask this OpenAI-compatible server; several share the work"),
    )
    asking.add_argument("--judge", metavar="URL", help=translated("server of the model that judges"))
    asking.add_argument("--judge-model", metavar="NAME", help=translated("its name there (default: the first)"))
    text = parser.add_argument_group("perplexity")
    text.add_argument("--text", type=Path, metavar="FILE", help=translated("the text, UTF-8"))
    text.add_argument(
        "--window", type=int, metavar="N", help=translated("tokens at once (default: 2048, or the context)")
    )
    text.add_argument(
        "--stride", type=int, metavar="N", help=translated("tokens from window to window (default: half of it)")
    )
    model = parser.add_argument_group(translated("model"))
    loading.add_arguments(model)
    model.add_argument("--source", metavar="HUB", help=translated("huggingface or modelscope"))


def run(args: argparse.Namespace) -> int | None:
    verb, *rest = args.words
    if verb not in INNER:
        from zhinao.evaluate.commands import running

        return running.run(args, verb, _model(args, rest))
    from zhinao.evaluate.commands import looking

    if verb == "list":
        return looking.list_tasks(args.json)
    if verb == "fetch":
        from zhinao.evaluate.commands import fetch

        return fetch.run(_some(rest, "zhinao eval fetch TASK"), args.data)
    if verb == "perplexity":
        from zhinao.evaluate.commands import perplexity

        return perplexity.run(args, _model(args, rest))
    folders = [Path(one) for one in _some(rest, f"zhinao eval {verb} RUN")]
    if verb == "show":
        return max(looking.show(folder, args.json) or 0 for folder in folders)
    if len(folders) != 2:
        raise UsageError(tr("diff takes two runs.", "diff 需要两个运行目录。"), "zhinao eval diff RUN RUN")
    return looking.diff(*folders, args.json)


def _model(args: argparse.Namespace, rest: list[str]) -> str | None:
    if len(rest) > 1:
        raise UsageError(
            tr(f"One model at a time, not {' '.join(rest)}.", f"一次只评测一个模型，而不是 {' '.join(rest)}。"),
            tr("tasks are separated by commas", "任务之间用逗号分隔"),
        )
    if not rest and not args.url:
        raise UsageError(tr("No model is named.", "没有指定模型。"), "zhinao eval TASK MODEL")
    return rest[0] if rest else None


def _some(rest: list[str], usage: str) -> list[str]:
    if not rest:
        raise UsageError(tr("Something is missing.", "缺少参数。"), usage)
    return rest
