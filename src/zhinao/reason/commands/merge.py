"""`zhinao reason merge MODEL MODEL… --out DIR`: several checkpoints of one shape as one, and a look whether it loads and stops."""

import argparse
from pathlib import Path

from zhinao.errors import CheckpointError, UsageError
from zhinao.lang import tr
from zhinao.reason.words import translated

HOWS = ("linear", "slerp", "ties")
_QUESTIONS = ("What is 3 + 4?", "三加四等于几？")
_MOST = 1024  # tokens of an answer that ought to end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "models",
        metavar="MODEL",
        nargs="+",
        help=translated("models to merge; what lies beside the weights is the first one's"),
    )
    add(
        "--how",
        choices=HOWS,
        default="linear",
        help=translated("weighted mean, arc between two, or TIES (default: %(default)s)"),
    )
    add(
        "--weights",
        metavar="X",
        nargs="+",
        type=float,
        help=translated("one a model (default: all alike); for slerp 1 - t and t"),
    )
    add("--base", metavar="MODEL", help=translated("model that all were trained from (ties)"))
    add(
        "--density",
        metavar="X",
        type=float,
        default=0.5,
        help=translated("share of each model's changes that is kept (ties; default: %(default)s)"),
    )
    add("--out", "-o", metavar="DIR", type=Path, required=True, help=translated("folder to write"))
    add("--no-check", action="store_true", help=translated("do not load the merge and ask it something"))


def run(args: argparse.Namespace) -> int:
    weights = _weights(args)
    from zhinao import hub
    from zhinao.files import human_size
    from zhinao.reason.merge import merge

    models = [hub.resolve(name) for name in args.models]
    base = hub.resolve(args.base).path if args.base else None
    how = merge.How(args.how, weights, base, args.density)
    origin = {"models": [one.name for one in models], "base": args.base}
    size = merge.merge([one.path for one in models], args.out, how, origin)
    print(
        tr(
            f"{args.out}: {human_size(size)}, {args.how} of {len(models)}",
            f"{args.out}：{human_size(size)}，{len(models)} 个模型，{args.how}",
        )
    )
    if not args.no_check:
        _look(args.out)
    return 0


def _weights(args: argparse.Namespace) -> tuple[float, ...]:
    """Raises UsageError for what cannot be meant."""
    num, weights = len(args.models), tuple(args.weights or [1.0] * len(args.models))
    if num < 2 or (args.how == "slerp" and num != 2):
        wanted = tr("two models", "两个模型") if args.how == "slerp" else tr("at least two models", "至少两个模型")
        raise UsageError(tr(f"{args.how} takes {wanted}, not {num}.", f"{args.how} 需要{wanted}，而不是 {num} 个。"))
    if len(weights) != num or sum(weights) <= 0 or min(weights) < 0:
        raise UsageError(
            tr(f"--weights: {num} numbers from 0 on, not all 0.", f"--weights：应为 {num} 个不小于 0 且不全为 0 的数。")
        )
    if (args.how == "ties") != bool(args.base):
        raise UsageError(
            tr("--base belongs to --how ties, which needs it.", "--base 用于 --how ties，且为其必需。"),
            "--how ties --base MODEL",
        )
    if not 0 < args.density <= 1:
        raise UsageError(tr("--density must be above 0 and at most 1.", "--density 须大于 0，不超过 1。"))
    return weights


def _look(folder: Path) -> None:
    """Raises CheckpointError where the model's answers do not end; a model without a chat template is only loaded."""
    from zhinao.evaluate.backend.base import Ask
    from zhinao.evaluate.backend.local import LocalBackend

    with LocalBackend.load(str(folder), offline=True) as backend:
        has_chat = backend.model.tokenizer.chat_template
        asked = [({"role": "user", "content": text},) for text in _QUESTIONS] if has_chat else ["1, 2, 3"]
        found = [output for _, output in backend.generate([Ask(one, _MOST if has_chat else 8) for one in asked])]
    for output in found:
        if isinstance(output, Exception):
            raise output
    if has_chat and all(output.finish_reason != "stop" for output in found):
        raise CheckpointError(
            tr(
                f"{folder}: written, but its answers do not end within {_MOST} tokens.",
                f"{folder}：已写出，但回答在 {_MOST} 个 token 内不会结束。",
            ),
            tr("other --weights, or other models", "请换 --weights 或其他模型"),
        )
    print(
        tr(
            "it loads" + (" and its answers end" if has_chat else ""),
            "可以加载" + ("，回答正常结束" if has_chat else ""),
        )
    )
