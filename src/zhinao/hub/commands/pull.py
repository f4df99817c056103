"""`zhinao pull`: fetch a model, or check one that is here and mend it."""

import sys

from zhinao import progress
from zhinao.files import human_size
from zhinao.hub import cache, locate
from zhinao.hub.offline import is_offline
from zhinao.hub.source import HUBS
from zhinao.hub.words import translated
from zhinao.lang import tr


def add_arguments(parser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help=translated("short name (`zhinao models` lists them), hub id, or GGUF file"),
    )
    parser.add_argument(
        "--source",
        choices=HUBS,
        help=translated("hub to fetch from (default: by the environment, else huggingface)"),
    )
    parser.add_argument("--revision", help=translated("branch, tag or commit on the hub"))
    parser.add_argument(
        "--offline",
        action="store_true",
        help=translated("use no network, only check what is here"),
    )


def run(args) -> None:
    found = locate.local(args.model)
    if found is None:
        _check_kept(args)
        found = locate.resolve(args.model, source=args.source, offline=args.offline, revision=args.revision)
    size = sum(file.stat().st_size for file in found.path.rglob("*") if file.is_file())
    print(
        tr(
            f"{found.name} is here: {found.path} ({human_size(size)})",
            f"{found.name} 已就绪：{found.path}（{human_size(size)}）",
        )
    )
    verb = "generate" if found.release and found.release.kind == "base" else "chat"
    name = args.model if found.release is None else found.name
    print(tr(f"next: zhinao {verb} {name}", f"下一步：zhinao {verb} {name}"))


def _check_kept(args) -> None:
    """Read a kept model against its hashes; what is damaged goes back among the unfinished, to be fetched again."""
    name = locate.plan_for(args.model, args.source, args.revision).name
    if not cache.is_kept(name):
        return
    sizes = [size for size, _ in cache.origin(cache.path(name)).get("files", {}).values()]
    with progress.shown(None) as report:
        counter = progress.Counter(report, tr(f"{name}, checking", f"{name}，校验"), sum(sizes))
        bad = cache.damaged(name, counter.add)
    if bad:
        print(tr(f"{name}: damaged: {', '.join(bad)}", f"{name}：已损坏：{'、'.join(bad)}"), file=sys.stderr)
        if not is_offline(args.offline):
            cache.withdraw(name)
