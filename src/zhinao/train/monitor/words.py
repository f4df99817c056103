"""Numbers as people read them: counts, losses, rates, spans of time."""

from zhinao.files import human_size
from zhinao.lang import tr


def number(value: float) -> str:
    """Four digits that matter: 1.234, 0.01234, 2.00e-05, 12,345."""
    if value != value or abs(value) == float("inf"):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2e}" if abs(value) < 0.001 else f"{value:.4g}"


def span(seconds: float) -> str:
    """`4:05`, `1:02:03`, `2 d 03:04`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return tr(f"{days} d {hours:02}:{minutes:02}", f"{days} 天 {hours:02}:{minutes:02}")
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def status(step: int, num_steps: int, record: dict, seconds_left: float | None) -> list[str]:
    """The parts of the status line, the most important first. record: the last of training in the log, or empty."""
    parts = [tr(f"step {step}/{num_steps}", f"第 {step}/{num_steps} 步")]
    if record.get("loss") is not None:
        parts.append(tr(f"loss {number(record['loss'])}", f"损失 {number(record['loss'])}"))
    if seconds_left is not None and step < num_steps:
        parts.append(tr(f"{span(seconds_left)} left", f"剩余 {span(seconds_left)}"))
    if record.get("tokens_per_second"):
        read, learned = (number(round(record[f"{kind}tokens_per_second"])) for kind in ("", "supervised_"))
        parts.append(f"{read} tokens/s " + tr(f"({learned} supervised)", f"（监督 {learned}）"))
    if "peak_memory_bytes" in record:
        parts.append(human_size(record["peak_memory_bytes"]))
    if record.get("learning_rate") is not None:
        parts.append(tr(f"lr {record['learning_rate']:.2e}", f"学习率 {record['learning_rate']:.2e}"))
    return parts
