"""Mine with its interval against the published number and the peers', as inline SVG: one line a task, all on one scale.

Places along the scale are percentages, so that a narrow page narrows the scale and not the letters.
"""

from html import escape

from zhinao.evaluate.report import phrases
from zhinao.evaluate.report.rows import Row

STEP, NAME, FOOT = 40, 14, 24


def figure(rows: list[Row], scale: float) -> str:
    """`rows`: of one suite, so that what stands below each other is of one kind. `scale`: what the axis ends at."""
    height = STEP * len(rows) + FOOT
    body = _axis(scale, height) + "".join(_line(row, place, scale) for place, row in enumerate(rows))
    return f'<svg class="scores" style="height:{height}px" role="img">{body}</svg>'


def _x(value: float, scale: float) -> str:
    """From 2 % to 96 %: marks at the ends are whole."""
    return f"{2 + 94 * min(max(value / scale, 0.0), 1.0):.2f}%"


def _axis(scale: float, height: int) -> str:
    marks = []
    for part in range(5):
        x = _x(scale * part / 4, scale)
        marks.append(
            f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{height - FOOT + 4}"/>'
            f'<text class="tick" x="{x}" y="{height - 5}" text-anchor="middle">{scale * part / 4:g}</text>'
        )
    return "".join(marks)


def _line(row: Row, place: int, scale: float) -> str:
    top = STEP * place
    y = top + NAME + 12
    name = f'<text class="name" x="{_x(0, scale)}" dx="4" y="{top + NAME}">{escape(row.name)}</text>'
    peers = "".join(_mark(value, y, scale, "peer", f"{model} {value:g}") for model, value in row.peers.items())
    theirs = "" if row.published is None else _diamond(row, y, scale)
    low, high = (_x(bound, scale) for bound in row.interval)
    whisker = f'<line class="whisker" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
    mine = _mark(row.score, y, scale, "mine", f"{phrases.score(row)} ({phrases.interval(row)})", 5)
    return name + peers + theirs + whisker + mine


def _mark(value: float, y: int, scale: float, css: str, title: str, radius: int = 4) -> str:
    return (
        f'<circle class="{css}" cx="{_x(value, scale)}" cy="{y}" r="{radius}"><title>{escape(title)}</title></circle>'
    )


def _diamond(row: Row, y: int, scale: float) -> str:
    title = escape(f"{row.column} {phrases.printed(row)}")
    return (
        f'<svg x="{_x(row.published, scale)}" y="{y}" overflow="visible"><polygon class="published" points="0,-6 6,0 0,6 -6,0">'
        f"<title>{title}</title></polygon></svg>"
    )
