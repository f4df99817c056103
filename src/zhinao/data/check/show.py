"""The findings of `zhinao data check` as a table and as a JSON file. Decides nothing."""

import json
from pathlib import Path

from rich.table import Table
from rich.text import Text

from zhinao import outfile
from zhinao.data.check import fix
from zhinao.data.check.finding import KINDS, Finding, level_name, title
from zhinao.data.check.fix import Repairs
from zhinao.data.check.report import NUM_WORST, Report, quantiles
from zhinao.data.commands.tokenizer_of import Reader
from zhinao.data.encode.overlong import Limit
from zhinao.data.sample import Place
from zhinao.data.visible import console, visible
from zhinao.lang import counted, tr

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_NUM_FINDINGS = 3  # shown of one sample


def show(report: Report, reader: Reader, limit: Limit | None) -> None:
    out = console()
    for found in report.found:
        out.print(visible(str(found)))
        if found.not_kept:
            out.print(found.not_kept)
    out.print(_summary(report, reader, limit))
    if not report.kinds:
        out.print(Text(tr("Nothing was found.", "没有发现问题。"), "green"))
        return
    out.print(_kinds(report))
    if report.omitted.total.num_overlong:
        out.print(_losses(report))
    worst = report.worst()
    out.print(
        tr(
            f"The worst samples ({len(worst)} of at most {NUM_WORST}):",
            f"问题最多的样本（{len(worst)} 个，最多列 {NUM_WORST} 个）：",
        )
    )
    for place, findings in worst:
        out.print(_reasons(place, findings))


def _reasons(place: Place, findings: tuple[Finding, ...]) -> Text:
    line = Text.assemble("  ", (visible(str(place)), "bold"), ": ")
    for number, finding in enumerate(findings[:_NUM_FINDINGS]):
        line.append("; " if number else "")
        line.append(visible(str(finding)), STYLES[finding.level])
    return line.append(f"; … {len(findings) - _NUM_FINDINGS}") if len(findings) > _NUM_FINDINGS else line


def _losses(report: Report) -> str:
    """What the policy costs, in one sentence."""
    row = report.omitted.total
    tokens = row.num_lost_tokens / max(report.num_tokens, 1)
    trained = row.num_lost_supervised / max(report.num_supervised, 1)
    return tr(
        f"Over the limit: {counted(row.num_overlong, 'sample')}, {row.num_dropped:,} of them dropped; lost are "
        f"{counted(row.num_lost_tokens, 'token')} ({tokens:.1%}), {counted(row.num_lost_supervised, 'trained one')} ({trained:.1%}).",
        f"超长样本 {row.num_overlong:,} 个，其中丢弃 {row.num_dropped:,} 个；共损失 {row.num_lost_tokens:,} 个 token"
        f"（{tokens:.1%}），其中训练 token {row.num_lost_supervised:,} 个（{trained:.1%}）。",
    )


def show_fixes(repairs: Repairs) -> None:
    out = console()
    names = fix.titles()
    for code, count in repairs.counts.most_common():
        out.print(f"{count:>9,}  {names[code]}")
    out.print(
        tr(
            f"{counted(repairs.num_written, 'sample is', 'samples are')} in {repairs.output}; what has changed is in {repairs.diff}",
            f"{repairs.num_written:,} 个样本已写入 {repairs.output}；改动见 {repairs.diff}",
        )
    )


def write(path: Path, report: Report, repairs: Repairs | None) -> None:
    """The JSON file. Raises DiskError."""
    value = report.as_dict()
    if repairs:
        value["repairs"] = {**repairs.counts, "written": repairs.num_written}
    with outfile.atomic_text(path) as file:
        json.dump(value, file, ensure_ascii=False, indent=2)


def _summary(report: Report, reader: Reader, limit: Limit | None) -> Table:
    table = Table.grid(padding=(0, 2))
    languages = ", ".join(f"{name} {count / report.num_samples:.0%}" for name, count in report.languages.most_common())
    share = report.num_supervised / max(report.num_tokens, 1)
    rows = (
        (tr("samples", "样本"), f"{report.num_samples:,}"),
        (
            tr("tokens", "token"),
            tr(f"{report.num_tokens:,}, {share:.0%} trained", f"{report.num_tokens:,}，其中训练 {share:.0%}"),
        ),
        (tr("tokens a sample", "每样本 token"), _spread(quantiles(report.lengths))),
        (tr("trained a sample", "每样本训练 token"), _spread(quantiles(report.supervised))),
        (
            tr("limit", "上限"),
            tr(
                f"{limit.num_tokens:,} tokens; longer ones: {limit.policy}",
                f"{limit.num_tokens:,} 个 token；超长：{limit.policy}",
            )
            if limit
            else tr("none", "无"),
        ),
        (tr("answers in", "回答语言"), languages),
        (tr("tokenizer", "分词器"), reader.name),
    )
    for name, value in rows:
        table.add_row(Text(name, "dim"), value)
    return table


def _spread(numbers: dict[str, int]) -> str:
    return "  ".join(f"{name} {number:,}" for name, number in numbers.items())


def _kinds(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name, justify in (
        (tr("level", "级别"), "left"),
        (tr("samples", "样本"), "right"),
        (tr("share", "占比"), "right"),
    ):
        table.add_column(name, justify=justify, no_wrap=True)
    for name in (tr("what", "问题"), tr("code", "代码"), tr("first seen", "首次出现")):
        table.add_column(name, overflow="fold")
    for code, kind in report.ordered():
        level = KINDS[code][0]
        share = f"{kind.num_samples / report.num_samples:.1%}"
        table.add_row(
            Text(level_name(level), STYLES[level]),
            f"{kind.num_samples:,}",
            share,
            title(code),
            Text(code, "dim"),
            Text(visible(kind.examples[0]) if kind.examples else "", "dim"),
        )
    return table
