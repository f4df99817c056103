"""The parts of run.html that are words and tables: what became of the run, its answers, its data, its settings, where it came from."""

import json
from collections.abc import Iterable
from html import escape

from zhinao.files import human_size
from zhinao.lang import tr
from zhinao.train.monitor.words import number, span


def head(run: dict, records: list[dict]) -> str:
    """Model, outcome, and the figures to be seen first."""
    session = run.get("sessions", [{}])[-1]
    outcome = session.get("outcome", "running")
    reason = f"<p>{escape(session['reason'])}</p>" if session.get("reason") else ""
    tiles = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in _tiles(run, records)
    )
    return (
        f'<h1>{escape(run.get("model", ""))}</h1><p><span class="badge {outcome}">{_outcome(outcome)}</span>'
        f'<span class="dim">{escape(_when(run))}</span></p>{reason}<div class="tiles">{tiles}</div>'
    )


def answers(samples: list[dict]) -> str:
    """The sample answers side by side: a row for each prompt, a column for each step they were asked at. samples: lines of
    samples.jsonl. An answer equal to the one before it is dimmed."""
    if not samples:
        return ""
    prompts = list(dict.fromkeys(one["prompt"] for sample in samples for one in sample["answers"]))
    heads = "".join(f"<th>{tr('step', '第')} {sample['step']:,}{tr('', ' 步')}</th>" for sample in samples)
    rows = "".join(_answers_of(prompt, samples) for prompt in prompts)
    return (
        f"<h2>{tr('The same questions over the run', '同样的问题，不同的步数')}</h2>"
        f'<div class="scroll"><table class="samples"><thead><tr><th>{tr("question", "问题")}</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _answers_of(prompt: str, samples: list[dict]) -> str:
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


def data(run: dict) -> str:
    """What one pass over the data holds, and what is lost of it before the run."""
    facts = run.get("data", {})
    if not facts.get("num_documents") and not facts.get("table"):
        return ""
    rows = [
        (tr("documents", "文档数"), facts.get("num_documents", 0)),
        (tr("tokens", "token 数"), facts.get("num_tokens", 0)),
        (tr("supervised tokens", "监督 token 数"), facts.get("num_supervised", 0)),
    ]
    shown = f"<h2>{tr('Data', '数据')}</h2>" + _pairs((name, number(value)) for name, value in rows)
    if facts.get("table"):
        heads, *cells = facts["table"]
        lost = tr("What the data loses before the run", "训练前的数据损失")
        shown += f"<h2>{lost}</h2>" + _grid(heads, cells, "numbers")
    return shown


def origin(run: dict) -> str:
    """Settings, hashes, code, libraries, machine, and the sessions of a run that was resumed."""
    hashes = [
        (f"{kind}: {file}", digest) for kind, files in run.get("hashes", {}).items() for file, digest in files.items()
    ]
    sections = (
        (tr("Sessions", "运行段"), _sessions(run.get("sessions", []))),
        (tr("Settings", "配置"), _halves(run.get("config", {}))),
        (tr("Hashes", "哈希"), _pairs(hashes, is_code=True)),
        (tr("Code", "代码"), _pairs(run.get("code", {}).items(), is_code=True)),
        (tr("Libraries", "软件库"), _pairs(run.get("versions", {}).items())),
        (tr("Machine", "机器"), _pairs(_machine(run))),
    )
    shown = [f"<div><h2>{title}</h2>{table}</div>" for title, table in sections if table]
    wide, narrow = shown[:3], shown[3:]
    return f'{"".join(wide)}<div class="two">{"".join(narrow)}</div>'


def _tiles(run: dict, records: list[dict]) -> Iterable[tuple[str, str]]:
    trained = [record for record in records if record["kind"] == "train"]
    losses = [record["eval_loss"] for record in records if record.get("eval_loss") is not None]
    if not trained:
        return
    last = trained[-1]
    yield tr("steps", "步数"), f"{last['step']:,} / {run.get('num_steps', last['step']):,}"
    if last.get("loss") is not None:
        yield tr("last loss", "最后的损失"), number(last["loss"])
    if losses:
        yield tr("last held-out loss", "最后的验证损失"), number(losses[-1])
        yield tr("best held-out loss", "最好的验证损失"), number(min(losses))
    if run.get("delivered"):
        yield tr("the model is that of step", "交付的模型出自第几步"), f"{run['delivered']['step']:,}"
    yield tr("training time", "训练用时"), span(last["trained_seconds"])
    if last["num_tokens"] and last["trained_seconds"]:
        yield tr("tokens seen", "已训练 token"), number(last["num_tokens"])
        yield tr("tokens/s on average", "平均 token/s"), number(round(last["num_tokens"] / last["trained_seconds"]))
        learned = round(last["num_supervised"] / last["trained_seconds"])
        yield tr("supervised tokens/s", "监督 token/s"), number(learned)
    yield tr("peak memory", "峰值内存"), human_size(last["peak_memory_bytes"])


def _outcome(outcome: str) -> str:
    return {
        "running": tr("running, or ended without a word", "运行中，或未留下结束记录"),
        "finished": tr("finished", "已完成"),
        "stopped": tr("stopped", "已停止"),
        "failed": tr("failed", "失败"),
    }[outcome]


def _when(run: dict) -> str:
    sessions = run.get("sessions", [])
    if not sessions:
        return ""
    began, ended = _minute(sessions[0]["began"]), _minute(sessions[-1].get("ended", ""))
    return f"{began} – {ended} UTC" if ended else f"{began} UTC –"


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


def _sessions(sessions: list[dict]) -> str:
    if len(sessions) < 2:
        return ""
    heads = [
        tr("began (UTC)", "开始（UTC）"),
        tr("from step", "起始步"),
        tr("to step", "结束步"),
        tr("end", "结局"),
        "",
    ]
    cells = [
        [
            _minute(one["began"]),
            one["from_step"],
            one.get("to_step", ""),
            _outcome(one["outcome"]),
            one.get("reason", ""),
        ]
        for one in sessions
    ]
    return _grid(heads, cells)


def _machine(run: dict) -> Iterable[tuple[str, str]]:
    if run.get("num_processes"):
        yield tr("processes", "进程数"), str(run["num_processes"])
    for name, value in run.get("machine", {}).items():
        if name.endswith("_bytes"):
            yield name.removesuffix("_bytes").replace("_", " "), human_size(value)
        elif name == "gpus":
            for gpu in value:
                yield "GPU", f"{gpu['name']}, {human_size(gpu['memory_bytes'])}, {gpu['driver']}"
        else:
            yield name.replace("_", " "), ", ".join(value) if isinstance(value, list | tuple) else str(value)


def _halves(config: dict) -> str:
    """Many settings, in two columns where there is room for them."""
    rows = list(config.items())
    middle = -(-len(rows) // 2) if len(rows) > 12 else len(rows)
    parts = [_pairs(part, is_code=True) for part in (rows[:middle], rows[middle:])]
    return f'<div class="two">{"".join(parts)}</div>' if all(parts) else parts[0]


def _pairs(rows: Iterable[tuple], is_code: bool = False) -> str:
    shown = [(escape(str(name)), escape(_text(value))) for name, value in rows]
    if is_code:
        shown = [(f"<code>{name}</code>", f"<code>{value}</code>") for name, value in shown]
    body = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in shown)
    return f'<div class="scroll"><table class="facts"><tbody>{body}</tbody></table></div>' if body else ""


def _grid(heads: Iterable, rows: Iterable[Iterable], kind: str = "") -> str:
    top = "".join(f"<th>{escape(str(cell))}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(_text(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    table = f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _text(value) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
