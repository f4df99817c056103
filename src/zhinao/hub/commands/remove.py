"""`zhinao remove`: delete a kept model and what engines compiled from it."""

import sys

from zhinao import family
from zhinao.errors import ModelNotFoundError, UsageError
from zhinao.files import human_size
from zhinao.hub import cache
from zhinao.hub.words import translated
from zhinao.lang import tr


def add_arguments(parser) -> None:
    parser.add_argument("model", metavar="MODEL", help=translated("name as `zhinao models` lists it"))
    parser.add_argument("-y", "--yes", action="store_true", help=translated("do not ask"))


def run(args) -> int | None:
    release = family.find(args.model)
    names = [args.model, release.short, release.hub_id] if release else [args.model]
    found = next((kept for name in names for kept in cache.kept() if kept.name == name), None)
    if found is None:
        raise ModelNotFoundError(
            tr(f"{args.model}: not kept here.", f"{args.model}：本机没有保存。"),
            tr("`zhinao models` lists what is", "用 `zhinao models` 查看已保存的模型"),
        )
    if not args.yes and not _agreed(found):
        print(tr("nothing was removed", "未删除任何内容"))
        return 1
    freed = cache.remove(found.name)
    print(tr(f"{found.name} removed, {human_size(freed)} freed", f"已删除 {found.name}，释放 {human_size(freed)}"))
    return None


def _agreed(kept: cache.Kept) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(
            tr("There is no terminal to ask on.", "没有可供询问的终端。"),
            tr(f"zhinao remove {kept.name} --yes", f"zhinao remove {kept.name} --yes"),
        )
    question = tr(
        f"Remove {kept.name} ({human_size(kept.num_bytes)}, {kept.path})? [y/N] ",
        f"删除 {kept.name}（{human_size(kept.num_bytes)}，{kept.path}）？[y/N] ",
    )
    return input(question).strip().lower() in ("y", "yes", "是")
