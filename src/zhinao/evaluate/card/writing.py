"""The card as Markdown, as a page and as JSON. Text of models is escaped."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape

from zhinao import htmlpage
from zhinao.evaluate.card.comparing import BETTER, CANNOT_TELL, LEVEL, SAME, WORSE, Answer, Row
from zhinao.evaluate.words import translated
from zhinao.lang import tr

LONGEST, MOST_LINES = 1200, 24  # of an answer
_VERDICTS = {
    BETTER: ("better", "变好"),
    WORSE: ("worse", "变差"),
    SAME: ("same", "相同"),
    CANNOT_TELL: ("cannot tell", "无法判断"),
}


@dataclass(frozen=True)
class Card:
    before: str
    after: str
    rows: Sequence[Row]
    answers: Sequence[Answer]

    @property
    def is_worse(self) -> bool:
        return any(row.verdict == WORSE for row in self.rows)


def title(card: Card) -> str:
    return tr(f"From {card.before} to {card.after}", f"从 {card.before} 到 {card.after}")


def summary(card: Card) -> str:
    named = [_name(row.name) for row in card.rows if row.verdict == WORSE]
    if named:
        return tr(f"Worse: {'; '.join(named)}.", f"变差：{'；'.join(named)}。")
    return tr("Nothing got measurably worse.", "没有测出变差的项目。")


def rule() -> str:
    return tr(
        f"Better or worse: a paired test on the same items (McNemar's, exact) with p below {LEVEL}, row by row. Twenty items show "
        "large changes only: six that flip one way, and none the other.",
        f"变好或变差：对相同题目逐项作配对检验（McNemar 精确检验），p 小于 {LEVEL}。二十题只能看出较大的变化：至少六题同向翻转且无反向。",
    )


def _name(task: str) -> str:
    names = {
        "stops": tr("stops by itself", "能自行结束"),
        "system-prompt": tr("follows the system prompt", "遵循系统提示"),
        "language": tr("answers in the question's language", "以提问的语言回答"),
        "loops": tr("does not loop", "不循环重复"),
    }
    return names.get(task, task)


def titles() -> list[str]:
    return [
        translated("checked"),
        translated("items"),
        translated("before"),
        translated("95 %"),
        translated("after"),
        translated("95 %"),
        translated("flipped"),
        "p",
        translated("verdict"),
    ]


def cells(row: Row) -> list[str]:
    return [
        _name(row.name),
        str(row.num_items),
        f"{row.before * 100:.1f}",
        _interval(row.before_interval),
        f"{row.after * 100:.1f}",
        _interval(row.after_interval),
        f"+{row.gained} −{row.lost}",
        f"{row.p:.3f}",
        tr(*_VERDICTS[row.verdict]),
    ]


def _interval(bounds: tuple[float, float]) -> str:
    return " … ".join(f"{bound * 100:.1f}" for bound in bounds)


def as_json(card: Card) -> dict:
    return {
        "before": card.before,
        "after": card.after,
        "is_worse": card.is_worse,
        "rows": [{**asdict(row), "verdict": row.verdict} for row in card.rows],
        "answers": [asdict(answer) for answer in card.answers],
    }


def markdown(card: Card) -> str:
    lines = [titles(), ["---"] * len(titles()), *map(cells, card.rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    parts = [
        f"# {_plain(title(card))}",
        f"**{summary(card)}**",
        table,
        rule(),
        f"## {translated('Answers side by side')}",
    ]
    return "\n\n".join([*parts, *map(_answer_text, card.answers)]) + "\n"


def _answer_text(one: Answer) -> str:
    asked = f"[{_plain(one.system)}] {_plain(one.question)}" if one.system else _plain(one.question)
    mark = f" ({translated('worse')})" if one.is_worse else ""
    said = "\n\n".join(
        f"{name}:\n\n{_fenced(text)}"
        for name, text in ((translated("before"), one.before), (translated("after"), one.after))
    )
    return f"### {asked}{mark}\n\n{said}"


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("|", "\\|")


def _fenced(text: str) -> str:
    """Indented: no fence that a model might close itself."""
    return "\n".join(f"    {line}" for line in _cut(text).splitlines() or [""])


def _cut(text: str) -> str:
    """At most LONGEST characters and MOST_LINES lines."""
    short = "\n".join(text[:LONGEST].splitlines()[:MOST_LINES])
    return short if len(short) >= len(text.rstrip()) else short + " …"


def html(card: Card) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in titles())
    body = "".join(_line(row) for row in card.rows)
    table = (
        f'<div class="scroll"><table class="numbers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
    badge = f'<p><span class="badge {"failed" if card.is_worse else "finished"}">{escape(summary(card))}</span></p>'
    top = f'<h1>{escape(title(card))}</h1>{badge}{table}<p class="dim">{escape(rule())}</p>'
    return htmlpage.page(title(card), top + _answers(card), _CSS)


def _line(row: Row) -> str:
    first, *rest = cells(row)
    css = {BETTER: "better", WORSE: "worse", SAME: "same", CANNOT_TELL: "same"}[row.verdict]
    return (
        f'<tr class="{css}"><th>{escape(first)}</th>' + "".join(f"<td>{escape(text)}</td>" for text in rest) + "</tr>"
    )


def _answers(card: Card) -> str:
    head = "".join(f"<th>{name}</th>" for name in (translated("question"), translated("before"), translated("after")))
    body = "".join(_answer_line(one) for one in card.answers)
    table = f'<table class="samples"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f"<h2>{translated('Answers side by side')}</h2><div class='scroll'>{table}</div>"


def _answer_line(one: Answer) -> str:
    system = f'<p class="dim">{escape(one.system)}</p>' if one.system else ""
    css = ' class="worse"' if one.is_worse else ""
    before, after = (f' data-name="{name}"' for name in (translated("before"), translated("after")))
    texts = f"<td{before}>{escape(_cut(one.before))}</td><td{after}{css}>{escape(_cut(one.after))}</td>"
    return f"<tr><th>{system}{escape(one.question)}</th>{texts}</tr>"


_CSS = """
.numbers tbody th, .numbers td { white-space:nowrap } h1 + p { margin:10px 0 14px } tr.worse td:last-child { color:var(--bad) } tr.better td:last-child { color:var(--ok) } tr.same td:last-child { color:var(--dim) }
.samples td.worse { border-left:3px solid var(--bad) } .scroll tbody th { position:sticky; left:0; background:var(--card) }
@media (max-width:600px) {
  .samples thead { display:none } .samples tbody th, .samples td { display:block; position:static; min-width:0; max-width:none; border-right:0 }
  .samples td::before { content:attr(data-name); display:block; color:var(--dim); font-size:13px }
}
"""
