"""Documents in the terminal: every token coloured; with brackets and signs where there are no colours. Decides nothing."""

from rich.console import Console
from rich.text import Text

from zhinao.data.view.rows import Shown, Token, View, runs
from zhinao.data.visible import visible
from zhinao.lang import counted, tr

# Two shades of each, in turn, so that the borders between tokens are seen.
_STYLES = {
    "trained": ("black on green3", "black on pale_green3"),
    "masked": ("grey70 on grey15", "grey70 on grey23"),
    "cut": ("strike white on red3", "strike white on dark_red"),
}
_THOUGHT = ("black on turquoise2", "black on pale_turquoise1")
_BRACKETS = {"trained": ("⟦", "⟧"), "masked": ("", ""), "cut": ("⟪", "⟫")}
_TURN_END = "■"


def show(view: View, console: Console) -> None:
    """Everything, with a legend before and totals behind."""
    has_colour = console.color_system is not None and not console.no_color
    console.print(_legend(has_colour))
    for number, row in enumerate(view.rows, start=1):
        if view.capacity:
            console.print(_row_line(number, row, view))
        for document in row:
            _show(document, console, has_colour)
    for document in view.cut:
        _show(document, console, has_colour)
    for number, why in view.faults:
        console.print(Text(f"── {_sample(number)}: {visible(why)}", "red"))
    console.print(totals(view))


def totals(view: View) -> str:
    """One sentence about all that was shown."""
    documents = [document for row in view.rows for document in row]
    num_tokens = sum(len(d.tokens) for d in documents)
    num_trained, num_cut = sum(d.num("trained") for d in documents), sum(len(d.tokens) for d in view.cut)
    sentence = tr(
        f"{counted(len(documents), 'document')}, {counted(num_tokens, 'token')}: {num_trained:,} trained, {num_tokens - num_trained:,} only read; "
        f"{num_cut:,} cut.",
        f"{len(documents)} 个文档，{num_tokens:,} 个 token：训练 {num_trained:,}，仅读取 {num_tokens - num_trained:,}；"
        f"截去 {num_cut:,}。",
    )
    if view.capacity and view.rows:
        fill = num_tokens / (len(view.rows) * view.capacity)
        sentence += tr(
            f" {counted(len(view.rows), 'row')} of {view.capacity:,}, {fill:.1%} filled.",
            f"共 {len(view.rows)} 行，每行 {view.capacity:,}，填充率 {fill:.1%}。",
        )
    return sentence


def _show(document: Shown, console: Console, has_colour: bool) -> None:
    console.print(Text(f"── {heading(document)}", "bold"))
    console.print((_coloured if has_colour else _bracketed)(document.tokens))


def heading(document: Shown) -> str:
    """Sample, place and counts of a document."""
    num_tokens, num_trained = len(document.tokens), document.num("trained")
    counts = tr(
        f"{counted(num_tokens, 'token')}, {num_trained:,} trained", f"{num_tokens:,} 个 token，训练 {num_trained:,}"
    )
    if document.num("cut"):
        counts = tr(f"{counted(num_tokens, 'token')} cut, not trained", f"截去 {num_tokens:,} 个 token，不训练")
    return f"{_sample(document.number)} ({visible(document.place)}): {counts}"


def _sample(number: int) -> str:
    return tr(f"sample {number}", f"样本 {number}")


def _row_line(number: int, row: list[Shown], view: View) -> Text:
    num_tokens = sum(len(document.tokens) for document in row)
    words = tr(
        f"row {number} of {len(view.rows)}: {counted(len(row), 'document')}, {num_tokens:,} of {view.capacity:,} tokens",
        f"第 {number} / {len(view.rows)} 行：{len(row)} 个文档，{num_tokens:,} / {view.capacity:,} 个 token",
    )
    return Text(f"══ {words} ══", "bold cyan")


def _legend(has_colour: bool) -> Text:
    names = {"trained": tr("trained", "训练"), "masked": tr("only read", "仅读取"), "cut": tr("cut", "截去")}
    end = tr(f"{_TURN_END} end of a trained turn", f"{_TURN_END} 训练轮次的结尾")
    line = Text()
    for state, name in names.items():
        opening, closing = ("", "") if has_colour else _BRACKETS[state]
        line.append(f"{opening}{name}{closing}", _STYLES[state][0] if has_colour else "").append("  ")
    if has_colour:
        line.append(tr("trained thought", "训练的思考"), _THOUGHT[0]).append("  ")
    return line.append(end)


def _coloured(tokens: list[Token]) -> Text:
    text = Text()
    for number, token in enumerate(tokens):
        styles = _THOUGHT if token.in_thought and token.state == "trained" else _STYLES[token.state]
        text.append(_words(token), styles[number % 2])
        if token.ends_turn:
            text.append(_TURN_END, "bold magenta")
    return text


def _bracketed(tokens: list[Token]) -> Text:
    text = Text()
    for run in runs(tokens):
        opening, closing = _BRACKETS[run[0].state]
        text.append(opening)
        for token in run:
            text.append(_words(token) + (_TURN_END if token.ends_turn else ""))
        text.append(closing)
    return text


def _words(token: Token) -> str:
    """What is printed of a token. A part of a character is nothing by itself; the token that completes it shows it."""
    return visible(token.text).replace("\n", "↵\n").replace("\t", "→\t")
