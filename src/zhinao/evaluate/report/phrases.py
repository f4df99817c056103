"""What every form of the report says: numbers as text, the verdict with its rule, the averages. No layout."""

from collections.abc import Mapping

from zhinao.evaluate import published
from zhinao.evaluate.report import verdict
from zhinao.evaluate.report.rows import Row, scores
from zhinao.evaluate.words import translated
from zhinao.lang import tr

_VERDICTS = {
    verdict.AGREES: ("agrees", "一致"),
    verdict.HIGHER: ("higher", "偏高"),
    verdict.LOWER: ("lower", "偏低"),
    verdict.CANNOT_TELL: ("cannot tell", "无法判断"),
}


def titles() -> tuple[str, ...]:
    """Of the columns of the table of scores."""
    return (
        translated("task"),
        translated("score"),
        translated("95 %"),
        translated("published"),
        translated("verdict"),
        translated("items"),
        translated("time"),
        translated("notes"),
    )


def score(row: Row) -> str:
    return f"{row.score:.{row.digits}f}"


def interval(row: Row) -> str:
    return " … ".join(f"{bound:.{row.digits}f}" for bound in row.interval)


def printed(row: Row) -> str:
    return "–" if row.published is None else f"{row.published:.{row.digits}f}"


def items(row: Row) -> str:
    return f"{row.num_items} / {row.num_whole}" if row.is_part else str(row.num_items)


def said(row: Row) -> str:
    """The verdict in words, with how many of how many items it rests on."""
    if row.published is None:
        return tr("nothing published", "无公布成绩")
    if row.difference:
        return tr(f"not comparable with the published number: {row.difference}", f"与公布成绩不可比：{row.difference}")
    if row.verdict is None:
        return tr("no items", "没有题目")
    word = tr(*_VERDICTS[row.verdict])
    part = tr(f", on {row.num_items} of {row.num_whole} items", f"（{row.num_whole} 题中的 {row.num_items} 题）")
    return word + part if row.is_part else word


def rule() -> str:
    return tr(
        "Verdict: the 95 % interval of this run and the sampling error of the published number (over the whole set, rounding "
        "included) are added in squares; a difference beyond that is higher or lower, within it the two agree, and where it is "
        f"wider than {verdict.TOO_WIDE * 100:.0f} points it cannot be told.",
        "结论的判定：将本次结果的 95 % 区间与公布成绩的抽样误差（按全集题数，计入舍入）按平方相加；差值超出即为偏高或偏低，"
        f"不超出即为一致；若该范围宽于 {verdict.TOO_WIDE * 100:.0f} 分，则无法判断。",
    )


def columns(rows: list[Row], model: str) -> str:
    """Whose the published numbers are, beside whose these are; empty where none are published."""
    named = list(dict.fromkeys(row.column for row in rows if row.column))
    if not named:
        return ""
    return tr(
        f"published: the README's column of {', '.join(named)}; this run's model is {model}",
        f"公布成绩取自 README 中 {'、'.join(named)} 一列；本次评测的模型为 {model}",
    )


def below(rows: list[Row], results: Mapping) -> list[str]:
    """What stands under the table: whose numbers, the rule of the verdict, the averages."""
    whose = columns(rows, str(results.get("model", "?")))
    return [*([whose, rule()] if whose else []), *average_lines(rows)]


def problems(row: Row) -> list[tuple[str, int | str]]:
    """What went wrong and how often: only what did."""
    task = row.task
    found = [
        (tr("cut off", "被截断"), task.get("num_cut_off")),
        (tr("no answer found", "未提取到答案"), task.get("num_not_extracted")),
        (tr("errors", "出错"), task.get("num_errors")),
        (tr("not graded", "未评分"), task.get("num_ungraded")),
        (tr("missing", "缺"), task.get("num_missing")),
        (tr("without </think>", "缺少 </think>"), _percent(task.get("no_thought_end_share"))),
    ]
    return [(name, number) for name, number in found if number]


def _percent(share: float | None) -> str:
    return f"{share * 100:.1f} %" if share else ""


def samples(row: Row) -> list[tuple[str, str]]:
    """What a task with several draws an item has besides its mean."""
    task, k = row.task, row.task.get("num_samples")
    found = [(f"pass@{k}", task.get("pass_at_k")), (f"cons@{k}", task.get("cons_at_k"))]
    return [(name, f"{value * 100:.1f}") for name, value in found if value is not None]


def notes(row: Row) -> str:
    """Problems and draws on one line."""
    return ", ".join(f"{name} {number}" for name, number in [*samples(row), *problems(row)])


def time(seconds: float | None) -> str:
    seconds = seconds or 0.0
    if seconds >= 5400:
        return tr(f"{seconds / 3600:.1f} h", f"{seconds / 3600:.1f} 小时")
    return (
        tr(f"{seconds / 60:.0f} min", f"{seconds / 60:.0f} 分")
        if seconds >= 90
        else tr(f"{seconds:.0f} s", f"{seconds:.0f} 秒")
    )


def averages(rows: list[Row]) -> list[tuple[str, float | None, float, int]]:
    """Name, mine (None while a row is missing), published (recomputed from rows), of how many rows; of the base table alone."""
    mine = scores(rows)
    if not mine:
        return []
    column = next(row.column for row in rows if row.suite == published.BASE.suite)
    own, theirs = published.averages(mine), published.averages(published.BASE.column(column))
    names = {
        "avg_zh": (tr("mean of the Chinese rows", "中文各行平均"), len(published.CHINESE_ROWS)),
        "avg_all": (tr("mean of all rows", "全部各行平均"), len(published.BASE.rows)),
    }
    return [(names[key][0], own[key], theirs[key], names[key][1]) for key in names]


def average_lines(rows: list[Row]) -> list[str]:
    lines = []
    for name, own, theirs, num in averages(rows):
        mine = f"{own:.2f}" if own is not None else tr(f"needs all {num} rows", f"需要全部 {num} 行")
        lines.append(
            tr(f"{name}: {mine}; published rows give {theirs:.2f}", f"{name}：{mine}；公布的各行计算得 {theirs:.2f}")
        )
    return [*lines, published.average_note()] if lines else []


def heading(results: Mapping) -> str:
    return tr(f"Evaluation of {results.get('model', '?')}", f"{results.get('model', '?')} 的评测")
