"""`zhinao models`: what is kept here, with sizes, and what can be pulled."""

from zhinao import outfile
from zhinao.family import RELEASES
from zhinao.files import human_size
from zhinao.hub import cache
from zhinao.hub.words import translated
from zhinao.lang import columns, current, tr


def add_arguments(parser) -> None:
    parser.add_argument("--json", action="store_true", help=translated("print JSON"))


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
        _table([[r["name"], r["hub_id"], *_needs(r), r["licence"], r["summary"]] for r in rest], _heads())
        print(
            tr(
                "\nmemory: weights as int8, which `zhinao chat` takes on a CPU, and some context",
                "\n内存：按 CPU 上 `zhinao chat` 所用的 int8 权重加少量上下文估算",
            )
        )


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
            "bytes": r.num_bytes,
            "memory_bytes": r.memory_bytes,
            "licence": tr(*r.licence),
            "languages": list(r.languages),
            "summary": r.summary[current() == "zh"],
        }
        for r in RELEASES
    ]


def _from(kept: cache.Kept) -> str:
    if not kept.is_whole:
        return tr("unfinished; the same `zhinao pull` goes on", "未下载完，重新运行 `zhinao pull` 可继续")
    return f"{kept.origin.get('source', '?')}: {kept.origin.get('id', '?')}"


def _heads() -> list[str]:
    english = ["name", "hub id", "download", "memory", "licence", "what it is"]
    chinese = ["名称", "hub 名称", "下载", "内存", "许可证", "说明"]
    return [tr(*pair) for pair in zip(english, chinese, strict=True)]


def _needs(released: dict) -> list[str]:
    return [human_size(released["bytes"]), human_size(released["memory_bytes"])]


def _table(rows: list[list[str]], heads: list[str] | None = None) -> None:
    """Columns of plain text."""
    rows = [heads, *rows] if heads else rows
    widths = [max(columns(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        cells = [cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)]
        print("  " + "  ".join(cells).rstrip())
