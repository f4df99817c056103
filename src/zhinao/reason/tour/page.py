"""The tour as one page: what each stage reached, with its interval, how the first two learned, and the last answer. No scripts."""

from collections.abc import Mapping, Sequence
from html import escape

from zhinao.lang import current, tr

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 260, 48, 32, 12
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}pre{background:#f4f4f4;padding:.8rem;white-space:pre-wrap}"
    "svg{width:100%;height:auto}text{font-size:12px;fill:#555}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}pre{background:#222}td,th{border-color:#333}text{fill:#aaa}}"
)


def of(
    rows: Sequence[Mapping], held: Mapping[str, Sequence[tuple[int, float]]], question: str, reply: Mapping[str, str]
) -> str:
    """rows: as in tour.json. held: stage -> (step, sampled accuracy on the held-out problems) while it learned."""
    title = tr("A tiny model learns to reason", "小模型学会推理")
    parts = [f"<h1>{escape(title)}</h1>", _stages(rows), _table(rows)]
    parts += [_course(name, points) for name, points in held.items() if points]
    parts.append(f"<h2>{escape(question)}</h2><pre>&lt;think&gt;\n{escape(reply['thought'])}\n&lt;/think&gt;</pre>")
    parts.append(f"<pre>{escape(reply['answer'])}</pre>")
    return (
        f'<!doctype html><html lang="{current()}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{''.join(parts)}</html>\n"
    )


def _stages(rows: Sequence[Mapping]) -> str:
    """A bar for each stage with its 95 % interval."""
    step = (WIDTH - LEFT) / max(len(rows), 1)
    shown = [_grid()]
    for place, row in enumerate(rows):
        middle, (low, high) = LEFT + step * (place + 0.5), row["interval"]
        top = _y(row["accuracy"])
        shown.append(
            f'<rect x="{middle - step / 4:.1f}" y="{top:.1f}" width="{step / 2:.1f}" height="{_y(0) - top:.1f}" fill="#3b7dd8">'
            f"<title>{escape(row['name'])}: {row['accuracy']:.1%}</title></rect>"
            f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{_y(low):.1f}" y2="{_y(high):.1f}" stroke="currentColor" stroke-width="2"/>'
            f'<text x="{middle:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(row["name"])}</text>'
        )
    return _figure(tr("Sampled accuracy after each stage", "各阶段后的采样正确率"), shown)


def _course(name: str, points: Sequence[tuple[int, float]]) -> str:
    most = max(step for step, _ in points)
    corners = " ".join(f"{LEFT + (WIDTH - LEFT - 10) * step / most:.1f},{_y(share):.1f}" for step, share in points)
    label = f'<text x="{WIDTH - 10}" y="{HEIGHT - 12}" text-anchor="end">{tr("step", "步")} {most}</text>'
    line = f'<polyline points="{corners}" fill="none" stroke="#3b7dd8" stroke-width="2"/>'
    return _figure(
        f"{name}: {tr('held-out problems while it learned', '学习过程中的留出题正确率')}", [_grid(), line, label]
    )


def _grid() -> str:
    return "".join(
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{_y(share):.1f}" y2="{_y(share):.1f}" stroke="#8884"/>'
        f'<text x="{LEFT - 6}" y="{_y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share


def _figure(title: str, parts: Sequence[str]) -> str:
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>"


def _table(rows: Sequence[Mapping]) -> str:
    names = tr("stage", "阶段"), tr("accuracy", "正确率"), tr("95 %", "95 % 区间"), tr("seconds", "秒")
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr><td>{escape(row['name'])}</td><td>{row['accuracy']:.1%}</td>"
        f"<td>{row['interval'][0]:.1%} – {row['interval'][1]:.1%}</td><td>{row['seconds']:.0f}</td></tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
