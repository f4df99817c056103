"""`zhinao convert MODEL --to qwen2|zhinao OUT`: arguments in, sentences out. The work is in `convert.py`."""

import argparse
import re
import shlex
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.export.words import translated
from zhinao.files import human_size
from zhinao.lang import current, tr

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help=translated("folder, hub id or short name"))
    add("out", metavar="OUT", type=Path, help=translated("folder to write"))
    add("--to", required=True, choices=("qwen2", "zhinao"), help=translated("the layout to write"))
    add(
        "--prove",
        action=argparse.BooleanOptionalAction,
        help=translated(
            "compare weights, logits, greedy tokens and tokenizer with the source (default: as far as torch and memory allow)"
        ),
    )
    add(
        "--max-shard-size",
        metavar="SIZE",
        default="4GB",
        help=translated("largest file, such as 500MB or 4GB (default: %(default)s)"),
    )
    add("--force", action="store_true", help=translated("replace OUT if it is a model folder"))
    add("--source", choices=("huggingface", "modelscope"), help=translated("where to fetch MODEL from"))
    add("--revision", help=translated("branch, tag or commit of MODEL"))
    add("--offline", action="store_true", help=translated("open no connection"))


def run(args: argparse.Namespace) -> int:
    from zhinao import hub
    from zhinao.export.convert import convert
    from zhinao.progress import shown

    max_shard_bytes = parse_size(args.max_shard_size)
    model = hub.resolve(args.model, source=args.source, offline=args.offline, revision=args.revision)
    with shown(None) as report:
        conversion = convert(
            model.path,
            args.to,
            args.out,
            name=model.name,
            release=model.release,
            is_forced=args.force,
            proves=args.prove,
            max_shard_bytes=max_shard_bytes,
            command=_command(args),
            report=report,
        )
    _report(conversion)
    return 0


def parse_size(text: str) -> int:
    """Bytes of `500MB`, `4GB`, `2GiB` or a plain number. Raises UsageError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(|[KMG]I?)B?", text.strip().upper())
    num_bytes = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if num_bytes < 1:
        raise UsageError(
            tr(f"--max-shard-size: {text!r} is no size.", f"--max-shard-size：{text!r} 不是有效的大小。"),
            "--max-shard-size 4GB",
        )
    return num_bytes


def _command(args: argparse.Namespace) -> str:
    """The command as somebody else would give it: without this machine's folders."""
    model = Path(args.model).name if Path(args.model).is_dir() else args.model
    flags = ["--no-prove"] if args.prove is False else []
    return shlex.join(["zhinao", "convert", model, "--to", args.to, args.out.name, *flags])


def _report(done) -> None:
    """The outcome (a `convert.Conversion`) in a few lines; the last one says where it lies and what is known of it."""
    size, speed = human_size(done.num_bytes), f"{done.megabytes_per_second:.0f} MB/s"
    seconds = f"{done.seconds:.1f} s"
    print(tr(f"weights: {size} rewritten in {seconds} ({speed})", f"权重：{size}，改写用时 {seconds}（{speed}）"))
    if done.parity is not None:
        _report_proof(done.parity)
    for note in done.notes:
        print(tr(f"note: {note}", f"注意：{note}"))
    print(f"{done.folder}: {verdict(done.parity)}" if current() == "en" else f"{done.folder}：{verdict(done.parity)}")


def verdict(parity: dict | None) -> str:
    """What a conversion's proof comes to."""
    if parity is None:
        return tr("whole, not proved (--no-prove)", "已完成，未证明（--no-prove）")
    if "logits" not in parity:
        return tr("whole, proved for the weights only", "已完成，只证明了权重")
    if "tokenizer" not in parity:
        return tr("whole, proved equal to its source; it has no tokenizer", "已完成，证明与源模型一致；没有分词器")
    return tr("whole, proved equal to its source (parity.json)", "已完成，证明与源模型一致（见 parity.json）")


def _report_proof(parity: dict) -> None:
    back = parity["way_back"]["num_tensors"]
    print(tr(f"way back: {back} tensors equal, bit for bit", f"反向转换：{back} 个张量逐位相同"))
    if logits := parity.get("logits"):
        value, kind = f"{logits['largest_difference']:g}", logits["dtype"]
        num_tokens = sum(parity["greedy_tokens_equal"].values())
        print(tr(f"logits: largest difference {value} ({kind})", f"logits：最大差 {value}（{kind}）"))
        print(tr(f"greedy: all {num_tokens} tokens equal", f"贪心生成：{num_tokens} 个 token 全部相同"))
        peak = human_size(max(parity["peak_memory_bytes"].values()))
        print(tr(f"memory of the proof: {peak} at most", f"证明的内存峰值：{peak}"))
    if tokenizer := parity.get("tokenizer"):
        texts, tokens = tokenizer["num_texts"], tokenizer["num_tokens"]
        print(
            tr(
                f"tokenizer: {texts} texts, {tokens} tokens equal",
                f"分词器：{texts} 段文本、{tokens} 个 token 全部相同",
            )
        )
