"""The line under the input: what runs, how much context is left, how fast it was. Whole parts are left out where it is narrow."""

from rich.cells import cell_len

from zhinao.lang import tr

_GAP = " · "


def status(name: str, precision: str, used: int, size: int, speed: float, width: int) -> str:
    """At most `width` columns as long as the least that is worth saying fits: a number is never cut. `speed` 0: not known."""
    left = max(size - used, 0)
    context = tr(f"context {used:,} / {size:,}, {left:,} left", f"上下文 {used:,} / {size:,}，剩余 {left:,}")
    short = tr(f"{left:,} left", f"剩余 {left:,}")
    pace = [f"{speed:.0f} tokens/s"] if speed else []
    forms = (
        [name, precision, context, *pace],
        [name, precision, context],
        [name, context],
        [name, short],
        [context],
        [short],
    )
    lines = [_GAP.join(parts) for parts in forms]
    return next((line for line in lines if cell_len(line) <= width), lines[-1] if cell_len(lines[-1]) <= width else "")
