"""`zhinao card BEFORE AFTER`: the regression card of a fine-tune. Asks both models, one after the other, and compares."""

import argparse
from pathlib import Path

from zhinao import outfile
from zhinao.errors import UsageError
from zhinao.evaluate import data, tasks
from zhinao.evaluate.backend.base import Backend
from zhinao.evaluate.card import comparing, writing
from zhinao.evaluate.card import tasks as probes
from zhinao.evaluate.commands import loading
from zhinao.evaluate.run import asking
from zhinao.evaluate.run.asking import Asking
from zhinao.evaluate.run.store import Store
from zhinao.evaluate.task import Item
from zhinao.evaluate.words import translated
from zhinao.lang import tr
from zhinao.outfile import json_text

BENCHMARKS = ("ceval", "gsm8k", "ifeval")
NUM_ITEMS = 200
WORSE = 1  # exit code of --fail-on worse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="BEFORE", help=translated("the model before"))
    parser.add_argument("after", metavar="AFTER", help=translated("the model after"))
    parser.add_argument("--data", type=Path, metavar="DIR", help=translated("also C-Eval, GSM8K and IFEval, from here"))
    parser.add_argument(
        "--limit",
        type=int,
        default=NUM_ITEMS,
        metavar="N",
        help=translated("items of each of them (default: %(default)s)"),
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("card"),
        metavar="DIR",
        help=translated("folder of the card (default: %(default)s)"),
    )
    parser.add_argument("--fail-on", choices=("worse",), help=translated("exit code 1 where anything got worse"))
    parser.add_argument("--json", action="store_true", help=translated("print as JSON"))
    loading.add_arguments(parser)
    parser.add_argument("--source", metavar="HUB", help=translated("huggingface or modelscope"))


def run(args: argparse.Namespace) -> int:
    if args.limit < 1:
        raise UsageError(tr(f"--limit is {args.limit}; allowed: 1, 2 …", f"--limit 为 {args.limit}，应不小于 1。"))
    benchmarks = _benchmarks(args)
    sides = {}
    for side in ("before", "after"):
        with _backend(args, getattr(args, side)) as backend:
            sides[side] = ask(backend, args.out / side, benchmarks)
    card = compared(*map(_short, (args.before, args.after)), sides["before"], sides["after"], benchmarks)
    _write(args.out, card)
    print(json_text(writing.as_json(card), indent=1) if args.json else writing.markdown(card))
    return WORSE if args.fail_on and card.is_worse else 0


def _short(model: str) -> str:
    """A folder's own name, not the way to it."""
    return Path(model).name or model


def _benchmarks(args: argparse.Namespace) -> dict[str, list[Item]]:
    if not args.data:
        return {}
    found = {name: tasks.find(name) for name in BENCHMARKS}
    folder = data.folder(args.data)
    return {name: data.read(task, folder, args.limit) for name, task in found.items() if task}


def ask(backend: Backend, folder: Path, benchmarks: dict[str, list[Item]]) -> list[dict]:
    """The records of one model, asked or known from before. Raises the first failure of an engine."""
    kinds = probes.all_of(_encoder(backend))
    askings = [Asking(name, task, probes.items_of(task)) for name, task in kinds.items()]
    askings += [Asking(name, tasks.find(name), items) for name, items in benchmarks.items()]
    with Store(folder, {**backend.identity, "card": True}) as store:
        for one in askings:
            if failed := asking.run(one, backend, store):
                raise failed[0]
        return [store.known(one.name, item) for one in askings for item in one.items]


def _encoder(backend: Backend):
    tokenizer = getattr(getattr(backend, "model", None), "tokenizer", None)
    return tokenizer.encode if tokenizer else lambda text: [ord(character) for character in text]


def compared(before: str, after: str, a: list[dict], b: list[dict], benchmarks: dict) -> writing.Card:
    kinds = probes.all_of(list)
    items = [item for task in kinds.values() for item in probes.items_of(task)]
    return writing.Card(before, after, comparing.rows(a, b, [*kinds, *benchmarks]), comparing.answers(a, b, items))


def _write(folder: Path, card: writing.Card) -> None:
    outfile.write_text(folder / "card.json", json_text(writing.as_json(card), indent=1) + "\n")
    outfile.write_text(folder / "card.md", writing.markdown(card))
    outfile.write_text(folder / "card.html", writing.html(card))


def _backend(args: argparse.Namespace, model: str) -> Backend:
    return loading.loaded(args, model, chat_for="card")
