"""Running tasks on a model: reads the data, opens the backend, asks, and writes what came out after every task."""

import argparse
import itertools
import re
import sys
import time
from pathlib import Path

from zhinao.errors import EngineError, UsageError
from zhinao.evaluate import data, suites
from zhinao.evaluate.backend.base import Ask, Backend, Text
from zhinao.evaluate.commands import loading
from zhinao.evaluate.report import phrases
from zhinao.evaluate.run import asking, results
from zhinao.evaluate.run.asking import Asking
from zhinao.evaluate.run.judge import Judge
from zhinao.evaluate.run.store import Store, results_of
from zhinao.evaluate.task import JUDGED, LETTER, PPL, SAMPLES, Task
from zhinao.lang import said, tr
from zhinao.version import __version__


def run(args: argparse.Namespace, words: str, model: str | None) -> int:
    _check(args)
    if words.startswith(suites.LM_EVAL):
        return _lm_eval(args, words.removeprefix(suites.LM_EVAL), model)
    if args.opencompass:
        return _opencompass(args, suites.names(words), model)
    chosen = suites.chosen(words)
    _allow(chosen, args)
    _check_judge(chosen, args)
    limit = args.limit or next((suites.LIMITS[one] for one in words.split(",") if one in suites.LIMITS), None)
    read = {name: data.read(task, data.folder(args.data), limit, args.seed) for name, task in chosen.items()}
    with open_backend(args, model) as backend:
        _check_template(read, backend)
        read = {name: _fitting(name, task, read[name], args, backend) for name, task in chosen.items()}
        if args.dry_run:
            return _told(args, chosen, read, backend)
        return _asked(args, words, _askings(args, chosen, read), backend, limit)


def _askings(args: argparse.Namespace, chosen: dict[str, Task], read: dict[str, list]) -> list[Asking]:
    return [
        Asking(name, task, read[name], _num_samples(args, task), args.seed, args.max_tokens)
        for name, task in chosen.items()
    ]


def _num_samples(args: argparse.Namespace, task: Task) -> int:
    return (args.num_samples or task.num_samples) if task.mode == SAMPLES else 1


def _asked(args: argparse.Namespace, words: str, askings: list[Asking], backend: Backend, limit: int | None) -> int:
    out = args.out or Path(_folder_name(words, backend.name))
    identity = {**backend.identity, "seed": args.seed, "limit": limit, "max_tokens": args.max_tokens}
    tables, failed, is_stopped = {}, [], False
    with Store(out, identity) as store:
        judge = Judge(args.judge, args.judge_model, out / "verdicts.jsonl") if args.judge else None
        for one in askings:
            try:
                failed += asking.run(one, backend, store, judge)
            except KeyboardInterrupt:
                is_stopped = True
            finally:  # what stands so far, whatever ended it
                tables[one.name] = _table(store, one)
                store.write_results(_results(identity, tables))
            if is_stopped:
                break
    return _ended(out, args.json, failed, is_stopped)


def _table(store: Store, one: Asking) -> dict:
    found = (store.known(one.name, item, sample) for item in one.items for sample in range(one.num_samples))
    return results.of(one, [record for record in found if record and asking.is_judged(record)])


def _results(identity: dict, tables: dict) -> dict:
    return {
        "model": identity["model"],
        "settings": identity,
        "version": __version__,
        "time": time.strftime("%FT%T%z"),
        "tasks": tables,
    }


def _ended(out: Path, as_json: bool, failed: list, is_stopped: bool) -> int:
    from zhinao.evaluate.commands import looking
    from zhinao.evaluate.report import files

    files.write(out, results_of(out))
    looking.show(out, as_json)
    if is_stopped:
        print(tr("Stopped; the same command goes on.", "已停止；用同一命令可继续。"), file=sys.stderr)
        return 130
    if failed:
        num = len(failed)
        raise EngineError(
            tr(
                f"{num} questions could not be asked; the first: {said(failed[0].message)}",
                f"有 {num} 次提问未能完成，第一个：{said(failed[0].message)}",
            ),
            tr("the same command asks them again", "用同一命令可再次提问"),
        )
    return 0


def _folder_name(words: str, model: str) -> str:
    return "eval-" + re.sub(r"[^\w.@-]+", "-", f"{words}-{Path(model).name}")[:100]


def _check(args: argparse.Namespace) -> None:
    for name in ("limit", "num_samples", "max_tokens"):
        value = getattr(args, name)
        if value is not None and value < 1:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(tr(f"{flag} is {value}; allowed: 1, 2 …", f"{flag} 为 {value}，应不小于 1。"))


def _allow(chosen: dict[str, Task], args: argparse.Namespace) -> None:
    """Raises UsageError unless somebody has said yes to running code."""
    names = [task.name for task in chosen.values() if task.runs_code]
    if not names or args.allow_code or args.dry_run:
        return
    question = tr(
        f"{', '.join(names)} run code that the model has written, in a sandbox. Run it? [y/N] ",
        f"{'、'.join(names)} 会在沙箱中运行模型写的代码。是否运行？[y/N] ",
    )
    if sys.stdin and sys.stdin.isatty() and sys.stderr.isatty():
        print(question, end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in ("y", "yes", "是"):
            return
    raise UsageError(
        tr(
            f"{', '.join(names)}: code of a model is run only if you say so.",
            f"{'、'.join(names)}：未经许可不会运行模型写的代码。",
        ),
        "--allow-code",
    )


def _check_judge(chosen: dict[str, Task], args: argparse.Namespace) -> None:
    names = [task.name for task in chosen.values() if task.mode == JUDGED]
    if names and not args.judge and not args.dry_run:
        raise UsageError(
            tr(
                f"{', '.join(names)}: another model judges the answers; none is named.",
                f"{'、'.join(names)} 需要评审模型，尚未指定。",
            ),
            "--judge URL --judge-model NAME",
        )


def _check_template(read: dict[str, list], backend: Backend) -> None:
    from zhinao.evaluate.backend import local

    if isinstance(backend, local.LocalBackend):
        for name, items in read.items():
            if not isinstance(items[0].prompt, str):
                local.check_chat(backend.model, name)


def _fitting(name: str, task: Task, items: list, args: argparse.Namespace, backend: Backend) -> list:
    """A server does not say how long its context is: it is asked everything."""
    info = getattr(getattr(getattr(backend, "model", None), "engine", None), "info", None)
    if info is None:
        return items
    return data.fitting(items, backend.num_tokens, info.num_context_tokens - (args.max_tokens or task.max_tokens), name)


def open_backend(args: argparse.Namespace, model: str | None) -> Backend:
    """The servers of `--url`, or the model by the engine that is asked for."""
    if args.url:
        from zhinao.evaluate.backend.url import UrlBackend

        return UrlBackend(args.url, model)
    return loading.loaded(args, model)


def _told(args: argparse.Namespace, chosen: dict[str, Task], read: dict[str, list], backend: Backend) -> int:
    """`--dry-run`: what would be asked, and about how long it takes by a short trial."""
    reading, writing = _speeds(backend, any(task.mode in (PPL, LETTER) for task in chosen.values()))
    total = 0.0
    for name, task in chosen.items():
        items, k = read[name], _num_samples(args, task)
        texts = [text for item in items for text in _texts(item, task)]
        num_read = sum(map(backend.num_tokens, texts)) * k
        num_once = round(num_read * _share_once(texts) / (k if task.mode == SAMPLES else 1))
        num_written = 0 if task.mode in (PPL, LETTER) else len(items) * k * (args.max_tokens or task.max_tokens)
        seconds = num_once / reading + num_written / writing
        total += seconds
        print(
            tr(
                f"{name}: {len(items)} items, {num_read:,} tokens to read, shared beginnings once {num_once:,}, at most {num_written:,} to write, at most {phrases.time(seconds)}",
                f"{name}：{len(items)} 题，读 {num_read:,} 个 token（相同的开头只读一次则为 {num_once:,} 个），最多写 {num_written:,} 个，至多 {phrases.time(seconds)}",
            )
        )
    print(
        tr(
            f"all: at most {phrases.time(total)} at the speed of a short trial.",
            f"合计：按短时试跑的速度至多 {phrases.time(total)}。",
        )
    )
    return 0


def _texts(item, task: Task) -> list[str]:
    if task.mode == PPL:
        return list(item.choices)
    if task.mode == LETTER:
        return [item.prompt + choice for choice in item.choices]
    return [item.prompt] if isinstance(item.prompt, str) else [message["content"] for message in item.prompt]


def _share_once(texts: list[str]) -> float:
    """What is left of all characters where each beginning that another text has, too, is read once."""
    texts = sorted(texts)
    num_shared = sum(_num_same(*pair) for pair in itertools.pairwise(texts))
    return 1 - num_shared / max(sum(map(len, texts)), 1)


def _num_same(a: str, b: str) -> int:
    return next((n for n, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))


def _speeds(backend: Backend, is_scored: bool) -> tuple[float, float]:
    """Tokens a second that are read, and that are written by several answers at once. A server is not asked for likelihoods that
    nobody wants."""
    text = "360智脑 answers in Chinese and English. " * 24
    start = time.monotonic()
    if is_scored:
        list(backend.loglikelihoods([Text(text)]))
    else:
        list(backend.generate([Ask(text, 1)]))
    read = backend.num_tokens(text) / max(time.monotonic() - start, 1e-3)
    asks = [Ask(f"{n} {text[:200]}", 24) for n in range(8)]
    list(backend.generate(asks))
    start = time.monotonic()
    num = sum(getattr(output, "num_tokens", 0) for _, output in backend.generate(asks))
    return read, max(num, 1) / max(time.monotonic() - start, 1e-3)


def _opencompass(args: argparse.Namespace, names: list[str], model: str | None) -> int:
    from zhinao.evaluate.opencompass import write_opencompass

    if args.url or not model:
        raise UsageError(
            tr("OpenCompass loads a folder; none is named.", "OpenCompass 需要模型目录，尚未指定。"),
            "zhinao eval readme-base FOLDER --opencompass FILE.py",
        )
    file = write_opencompass(names, Path(model), args.opencompass)
    print(tr(f"Written: {file}. It runs with `opencompass {file}`.", f"已写入 {file}，用 `opencompass {file}` 运行。"))
    return 0


def _lm_eval(args: argparse.Namespace, words: str, model: str | None) -> int:
    from zhinao.evaluate.lm_eval.run import run_lm_eval

    if args.url or not model:
        raise UsageError(
            tr("lm-eval's tasks run on a model that is loaded here.", "lm-eval 的任务只能在本机加载的模型上运行。"),
            "zhinao eval lm-eval:TASK MODEL",
        )
    with open_backend(args, model) as backend:
        found = run_lm_eval(words.split(","), backend.model, limit=args.limit, include_path=args.data)
    out = args.out or Path(_folder_name(f"lm-eval-{words}", backend.name))
    with Store(out, {**backend.identity, "seed": args.seed, "limit": args.limit, "max_tokens": None}) as store:
        store.write_results({**found, "model": backend.name, "version": __version__})
    return _ended(out, args.json, [], False)
