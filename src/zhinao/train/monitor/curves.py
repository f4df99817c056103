"""Which curves run.html shows: those everybody wants, in their order, then whatever else this trainer logs."""

from zhinao.files import human_size
from zhinao.lang import tr
from zhinao.train.monitor.charts import Series, bars, lines

# Measured, but no curve.
_NO_CURVE = {"kind", "step", "time", "epoch", "num_tokens", "num_supervised", "num_documents", "trained_seconds",
             "supervised_tokens_per_second"}  # fmt: skip
_FIRST = ("loss", "learning_rate", "grad_norm", "tokens_per_second", "peak_memory_bytes")


def charts(run: dict, records: list[dict]) -> str:
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
