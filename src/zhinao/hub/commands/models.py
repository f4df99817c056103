"""`zhinao models`: what is kept here, with sizes, and what can be pulled."""

from zhinao import outfile
from zhinao.family import RELEASES
from zhinao.files import human_size
from zhinao.hub import cache
from zhinao.lang import current, tr


def add_arguments(parser) -> None:
    parser.add_argument("--json", action="store_true", help=tr("print JSON", "输出 JSON"))


def run(args) -> None:
    kept = cache.kept()
    if args.json:
        print(
            outfile.json_text(
                {"folder": str(cache.root()), "kept": [_entry(k) for k in kept], "released": _released(kept)}, indent=2
            )
        )
        return
    if kept:
        print(tr(f"kept in {cache.root()}", f"保存于 {cache.root()}"))
        _table([[k.name, human_size(k.num_bytes), _from(k)] for k in kept])
    else:
        print(tr(f"no models are kept in {cache.root()}", f"{cache.root()} 中没有模型"))
    if rest := [r for r in _released(kept) if not r["is_kept"]]:
        print(tr("\ncan be fetched with `zhinao pull NAME`", "\n可用 `zhinao pull 名称` 下载"))
        _table([[r["name"], r["hub_id"], r["summary"]] for r in rest])


def _entry(kept: cache.Kept) -> dict:
    origin = {key: kept.origin.get(key) for key in ("source", "id", "revision")}
    return {"name": kept.name, "path": str(kept.path), "bytes": kept.num_bytes, "is_whole": kept.is_whole, **origin}


def _released(kept: list[cache.Kept]) -> list[dict]:
    here = {k.name for k in kept if k.is_whole}
    return [
        {
            "name": r.short,
            "hub_id": r.hub_id,
            "kind": r.kind,
            "is_kept": r.short in here,
            "summary": r.summary[current() == "zh"],
        }
        for r in RELEASES
    ]


def _from(kept: cache.Kept) -> str:
    if not kept.is_whole:
        return tr("unfinished; the same `zhinao pull` goes on", "未下载完，重新运行 `zhinao pull` 可继续")
    return f"{kept.origin.get('source', '?')}: {kept.origin.get('id', '?')}"


def _table(rows: list[list[str]]) -> None:
    """Columns of plain text; only the last may hold wide characters."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    for row in rows:
        print("  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))
