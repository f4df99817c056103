"""The needle's grid as a heat map in SVG: length across, depth down, the share that was found in words and in colour."""

from collections import defaultdict
from collections.abc import Iterable
from html import escape

from zhinao.evaluate.words import translated

CELL, ROW, LEFT, FOOT = 72, 34, 64, 26


def section(records: Iterable[dict]) -> str:
    """HTML of each needle task among the records; empty where there is none."""
    grids: dict[str, dict[tuple[int, int], list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record["task"].startswith("needle-"):
            length, _, depth = record["id"].partition("/")
            grids[record["task"]][int(length), int(depth)].append(record.get("grade") or 0.0)
    figures = "".join(
        f"<figure><figcaption>{escape(name)}</figcaption>{_map(grid)}</figure>" for name, grid in grids.items()
    )
    return f"<h2>{translated('Needle: length across, depth down')}</h2>{figures}" if figures else ""


def _map(grid: dict[tuple[int, int], list[float]]) -> str:
    lengths, depths = sorted({length for length, _ in grid}), sorted({depth for _, depth in grid})
    width, height = LEFT + CELL * len(lengths), ROW * len(depths) + FOOT
    body = "".join(_row(grid, lengths, depth, ROW * row) for row, depth in enumerate(depths))
    ends = "".join(
        f'<text class="tick" x="{LEFT + CELL * (n + 0.5)}" y="{height - 7}" text-anchor="middle">{_short(length)}</text>'
        for n, length in enumerate(lengths)
    )
    return f'<svg viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img">{body}{ends}</svg>'


def _row(grid: dict, lengths: list[int], depth: int, y: int) -> str:
    name = f'<text class="tick" x="{LEFT - 8}" y="{y + 21}" text-anchor="end">{depth} %</text>'
    return name + "".join(_cell(grid.get((length, depth)), LEFT + CELL * n, y) for n, length in enumerate(lengths))


def _cell(grades: list[float] | None, x: int, y: int) -> str:
    if not grades:
        return ""
    share = sum(grades) / len(grades)
    return (
        f'<rect class="{"found" if share >= 0.5 else "lost"}" x="{x + 1}" y="{y + 1}" width="{CELL - 2}" height="{ROW - 2}" rx="4"/>'
        f'<text class="cell" x="{x + CELL / 2}" y="{y + 21}" text-anchor="middle">{share * 100:.0f}</text>'
    )


def _short(length: int) -> str:
    return f"{length // 1024}k" if length >= 1024 else str(length)
