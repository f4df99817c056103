"""Mine with its interval against the published number and the peers', as inline SVG: one line a task, all on one scale."""

from html import escape

from zhinao.evaluate.report import phrases
from zhinao.evaluate.report.rows import Row

WIDTH, STEP, LEFT, RIGHT, TOP = 720, 26, 130, 14, 8


def figure(rows: list[Row], scale: float) -> str:
    """`rows`: of one suite, so that what stands below each other is of one kind. `scale`: what the axis ends at."""
    height = TOP + STEP * len(rows) + 24
    body = _axis(scale, height) + "".join(_line(row, place, scale) for place, row in enumerate(rows))
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{body}</svg>'


def _x(value: float, scale: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(max(value / scale, 0.0), 1.0)


def _axis(scale: float, height: int) -> str:
    marks = []
    for part in range(5):
        x = _x(scale * part / 4, scale)
        marks.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - 20}"/>'
            f'<text class="tick" x="{x:.1f}" y="{height - 5}" text-anchor="middle">{scale * part / 4:g}</text>'
        )
    return "".join(marks)


def _line(row: Row, place: int, scale: float) -> str:
    y = TOP + STEP * (place + 0.5)
    name = f'<text class="name" x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(row.name)}</text>'
    peers = "".join(_mark(value, y, scale, "peer", f"{model} {value:g}") for model, value in row.peers.items())
    theirs = "" if row.published is None else _diamond(row, y, scale)
    low, high = (_x(bound, scale) for bound in row.interval)
    whisker = f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    mine = _mark(row.score, y, scale, "mine", f"{phrases.score(row)} ({phrases.interval(row)})", 5)
    return name + peers + theirs + whisker + mine


def _mark(value: float, y: float, scale: float, css: str, title: str, radius: int = 3) -> str:
    return f'<circle class="{css}" cx="{_x(value, scale):.1f}" cy="{y:.1f}" r="{radius}"><title>{escape(title)}</title></circle>'


def _diamond(row: Row, y: float, scale: float) -> str:
    x = _x(row.published, scale)
    points = f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"
    title = escape(f"{row.column} {phrases.printed(row)}")
    return f'<polygon class="published" points="{points}"><title>{title}</title></polygon>'
