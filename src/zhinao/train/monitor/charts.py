"""The curves of run.html as inline SVG: those everybody wants, in their order, then whatever else this trainer logs; bars of lengths.

Values stand in `<title>`, which browsers show on hovering.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from zhinao.files import human_size
from zhinao.lang import tr
from zhinao.train.monitor.words import number

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 72, 14, 12, 34
MAX_POINTS = 400

# Measured, but no curve.
_NO_CURVE = {"kind", "step", "time", "epoch", "num_tokens", "num_supervised", "num_documents", "trained_seconds",
             "supervised_tokens_per_second"}  # fmt: skip
_FIRST = ("loss", "learning_rate", "grad_norm", "tokens_per_second", "peak_memory_bytes")


@dataclass(frozen=True)
class Series:
    """points: (x, y), finite, x ascending. `css`: class of its colour. `has_dots`: few points, each drawn."""

    name: str
    points: Sequence[tuple[float, float]]
    css: str = "a"
    has_dots: bool = False


def all_of(run: dict, records: list[dict]) -> str:
    """Loss with eval loss, learning rate, gradient norm, tokens a second, memory; then every other number of the log
    (rewards, accuracies …) with its own at the evaluations; then the documents' lengths."""
    trained = [record for record in records if record["kind"] == "train"]
    evaluated = [record for record in records if record["kind"] == "eval"]
    others = sorted({name for record in trained for name in record} - _NO_CURVE - set(_FIRST))
    figures = [_curve(name, trained, evaluated) for name in (*_FIRST, *others)]
    lengths = run.get("data", {}).get("lengths", {})
    if lengths.get("counts"):
        title, unit = tr("Lengths of the documents", "文档长度"), tr("tokens", "token")
        figures.append(bars(title, lengths["edges"], lengths["counts"], unit))
    shown = "".join(figures)
    return f'<h2>{tr("Curves", "曲线")}</h2><div class="charts">{shown}</div>' if shown else ""


def _curve(name: str, trained: list[dict], evaluated: list[dict]) -> str:
    main = _points(name, trained)
    if name == "peak_memory_bytes":
        gigabytes = Series(tr("peak", "峰值"), [(x, y / 1e9) for x, y in main])
        return lines(_title(name), [gigabytes], lambda y: human_size(y * 1e9), is_from_zero=True) if main else ""
    if name == "tokens_per_second":
        if not any(y for _, y in main):  # this trainer counts none
            return ""
        supervised = _points("supervised_tokens_per_second", trained)
        series = [Series(tr("all", "全部"), main), Series(tr("supervised", "监督"), supervised, "b")]
        return lines(_title(name), series, is_from_zero=True)
    held_out = _points(f"eval_{name}", evaluated)
    series = [Series(tr("training", "训练"), main), Series(tr("held-out", "验证"), held_out, "b", has_dots=True)]
    series = [one for one in series if one.points]
    return lines(_title(name), series) if series else ""


def _points(name: str, records: list[dict]) -> list[tuple[float, float]]:
    return [(record["step"], record[name]) for record in records if record.get(name) is not None]


def _title(name: str) -> str:
    known = {
        "loss": tr("Loss", "损失"),
        "learning_rate": tr("Learning rate", "学习率"),
        "grad_norm": tr("Gradient norm", "梯度范数"),
        "tokens_per_second": tr("Tokens per second", "每秒 token 数"),
        "peak_memory_bytes": tr("Peak memory of the first process", "首个进程的峰值内存"),
    }
    return known.get(name, name)


def lines(
    title: str, series: Sequence[Series], show: Callable[[float], str] = number, is_from_zero: bool = False
) -> str:
    """A figure with one line for each series over training steps. Long ones are thinned (`thinned`)."""
    series = [Series(one.name, thinned(one.points), one.css, one.has_dots) for one in series if one.points]
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    x_at = _scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    ticks = nice_ticks(0 if is_from_zero else min(ys), max(ys))
    y_at = _scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    steps = [tick for tick in nice_ticks(min(xs), max(xs), 6) if min(xs) <= tick <= max(xs) and tick == int(tick)]
    parts = [_y_axis(ticks, y_at, show), *(_x_label(x_at(tick), number(tick)) for tick in steps)]
    parts += [_line(one, x_at, y_at, show) for one in series]
    return _figure(title, parts, series if len(series) > 1 else (), tr("step", "步"))


def bars(title: str, edges: Sequence[float], counts: Sequence[int], unit: str) -> str:
    """A figure with a bar for each bin. edges: one more than counts."""
    x_at = _scale(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    ticks = nice_ticks(0, max(counts))
    y_at = _scale(0, ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = [_y_axis(ticks, y_at, number)]
    parts += [_x_label(x_at(tick), number(tick)) for tick in nice_ticks(edges[0], edges[-1], 6) if tick <= edges[-1]]
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        if count:
            label = tr(f"{number(low)} to {number(high)}: {count:,}", f"{number(low)} 至 {number(high)}：{count:,}")
            width, height = x_at(high) - x_at(low) - 1, y_at(0) - y_at(count)
            parts.append(
                f'<rect class="bar" data-x="{low}" data-y="{count}" x="{x_at(low):.1f}" y="{y_at(count):.1f}" '
                f'width="{max(width, 1):.1f}" height="{height:.1f}"><title>{escape(label)}</title></rect>'
            )
    return _figure(title, parts, (), unit)


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `MAX_POINTS` of them: of each stretch its lowest and its highest, so that no peak is lost; and the last."""
    if len(points) <= MAX_POINTS:
        return list(points)
    num_stretches = (MAX_POINTS - 1) // 2
    edges = [n * len(points) // num_stretches for n in range(num_stretches + 1)]
    kept = {points[-1]}
    for start, end in itertools.pairwise(edges):
        stretch = points[start:end]
        kept |= {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
    return sorted(kept)


def nice_ticks(low: float, high: float, num_wanted: int = 5) -> list[float]:
    """Round numbers, evenly spaced, from at most `low` to at least `high`."""
    if high <= low:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    rough = (high - low) / max(num_wanted - 1, 1)
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(n * step, digits) for n in range(first, last + 1)]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * ((value - low) / (high - low) if high > low else 0.5)


def _y_axis(ticks: Sequence[float], y_at, show) -> str:
    return "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_at(tick):.1f}" y2="{y_at(tick):.1f}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{y_at(tick) + 4:.1f}" text-anchor="end">{escape(show(tick))}</text>'
        for tick in ticks
    )


def _x_label(x: float, label: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(label)}</text>'


def _line(one: Series, x_at, y_at, show) -> str:
    corners = " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in one.points)
    parts = [f'<polyline class="line {one.css}" points="{corners}"/>'] if len(one.points) > 1 else []
    is_dotted = one.has_dots or len(one.points) == 1
    for x, y in one.points:
        label = tr(f"step {x:,}: {one.name} {show(y)}", f"第 {x:,} 步：{one.name} {show(y)}")
        parts.append(
            f'<circle class="{"dot" if is_dotted else "hit"} {one.css}" data-x="{x}" data-y="{y}" '
            f'cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="4"><title>{escape(label)}</title></circle>'
        )
    return f'<g data-series="{escape(one.name)}">{"".join(parts)}</g>'


def _figure(title: str, parts: Sequence[str], legend: Sequence[Series], x_unit: str) -> str:
    names = "".join(f'<span><i class="{one.css}"></i>{escape(one.name)}</span>' for one in legend)
    unit = f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 2}" text-anchor="end">{escape(x_unit)}</text>'
    return (
        f'<figure><figcaption>{escape(title)}<span class="legend">{names}</span></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}{unit}</svg></figure>'
    )
