"""The items of a run to leaf through on the page: by task, wrong ones alone. Bounded, and says so."""

from collections import Counter
from collections.abc import Iterable
from html import escape

from zhinao.evaluate.words import translated
from zhinao.lang import tr

MOST, LONGEST = 400, 4000  # items on the page; characters of an answer


def section(records: Iterable[dict], num_tasks: int) -> str:
    """HTML. Each task gets an equal share of MOST; wrong ones first, since those are looked for."""
    chosen, num_all = _chosen(list(records), max(MOST // max(num_tasks, 1), 1))
    if not chosen:
        return ""
    shown = "".join(map(_item, chosen))
    note = tr(
        f"{len(chosen)} of {num_all} answers are on this page.", f"本页含 {num_all} 个回答中的 {len(chosen)} 个。"
    )
    return (
        f"<h2>{translated('Items')}</h2>{_filter(chosen)}"
        f'<p class="dim">{note} {tr("All stand in items.jsonl.", "全部见 items.jsonl。")}</p><div id="items">{shown}</div>{_SCRIPT}'
    )


def _chosen(records: list[dict], share: int) -> tuple[list[dict], int]:
    taken: Counter = Counter()
    wrong_first = sorted(records, key=lambda record: _is_right(record))
    chosen = []
    for record in wrong_first:
        taken[record["task"]] += 1
        if taken[record["task"]] <= share:
            chosen.append(record)
    order = {id(record): place for place, record in enumerate(records)}
    return sorted(chosen, key=lambda record: order[id(record)]), len(records)


def _is_right(record: dict) -> bool:
    return (record.get("grade") or 0) >= 1


def _filter(records: list[dict]) -> str:
    names = dict.fromkeys(record["task"] for record in records)
    options = "".join(f"<option>{escape(name)}</option>" for name in names)
    return (
        f'<p class="filter"><select id="task" aria-label="{translated("task")}"><option value="">{translated("all tasks")}'
        f'</option>{options}</select> <label><input type="checkbox" id="wrong"> {translated("wrong ones only")}</label></p>'
    )


def _item(record: dict) -> str:
    right = _is_right(record)
    mark = "✓" if right else "✗"
    head = f"{record['task']} · {record['id']}" + (f" · {record['sample']}" if record.get("sample") else "")
    return (
        f'<details class="item {"right" if right else "wrong"}" data-task="{escape(record["task"], quote=True)}">'
        f"<summary><b>{mark}</b> {escape(head)}</summary>{_facts(record)}{_output(record)}</details>"
    )


def _facts(record: dict) -> str:
    pairs = [
        (translated("right answer"), record.get("gold")),
        (translated("taken from the output"), record.get("extracted")),
        (translated("finish reason"), record.get("finish_reason")),
        (translated("log-likelihoods"), record.get("log_likelihoods")),
        (translated("error"), record.get("error")),
    ]
    lines = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value)[:LONGEST])}</td></tr>"
        for name, value in pairs
        if value is not None
    )
    return f'<table class="facts"><tbody>{lines}</tbody></table>'


def _output(record: dict) -> str:
    output = record.get("output")
    return f"<pre>{escape(output[:LONGEST])}{' …' if len(output) > LONGEST else ''}</pre>" if output else ""


_SCRIPT = """<script>
(function () {
  var task = document.getElementById("task"), wrong = document.getElementById("wrong");
  function filter() {
    document.querySelectorAll("#items .item").forEach(function (item) {
      item.hidden = (task.value && item.dataset.task !== task.value) || (wrong.checked && item.classList.contains("right"));
    });
  }
  task.addEventListener("change", filter); wrong.addEventListener("change", filter); filter();
})();
</script>"""
