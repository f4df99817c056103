"""The sample answers of a run side by side: a row for each prompt, a column for each step they were asked at."""

from html import escape

from zhinao.lang import tr


def table(samples: list[dict]) -> str:
    """samples: lines of samples.jsonl. An answer equal to the one before it is dimmed."""
    if not samples:
        return ""
    prompts = list(dict.fromkeys(one["prompt"] for sample in samples for one in sample["answers"]))
    heads = "".join(f"<th>{tr('step', '第')} {sample['step']:,}{tr('', ' 步')}</th>" for sample in samples)
    rows = "".join(_row(prompt, samples) for prompt in prompts)
    return (
        f"<h2>{tr('The same questions over the run', '同样的问题，不同的步数')}</h2>"
        f'<div class="scroll"><table class="samples"><thead><tr><th>{tr("question", "问题")}</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(prompt: str, samples: list[dict]) -> str:
    cells, before = [], None
    for sample in samples:
        text = next((one["answer"] for one in sample["answers"] if one["prompt"] == prompt), None)
        kind = ' class="same"' if text == before else ""
        cells.append(f"<td{kind}>{escape(text) if text else _empty(text)}</td>")
        before = text
    return f"<tr><th>{escape(prompt)}</th>{''.join(cells)}</tr>"


def _empty(text: str | None) -> str:
    word = tr("not asked", "未提问") if text is None else tr("(empty)", "（空）")
    return f'<span class="empty">{word}</span>'
