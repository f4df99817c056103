"""Lists of tasks under one name: the three tables of the publisher's README, and a quick look."""

from zhinao.errors import UsageError
from zhinao.evaluate import tasks
from zhinao.evaluate.published import TABLES
from zhinao.evaluate.task import Task
from zhinao.lang import tr
from zhinao.near import near

README_BASE = tuple(TABLES["readme-base"].rows)
SUITES = {
    "readme-base": README_BASE,
    "readme-instruct": ("ifeval", "mt-bench", "cfbench"),
    "readme-o1.5": tuple(TABLES["readme-o1.5"].rows),
    # few tokens an item, both languages, choices and free answers: minutes on two cores. C-Eval is not among them: an item of
    # another subject is five other examples to read, 1,800 tokens
    "quick": ("arc-c", "c3", "hellaswag", "lambada", "eprstmt-dev"),
}
LIMITS = {"quick": 40}  # items a task where nobody says how many
LM_EVAL = "lm-eval:"


def chosen(words: str) -> dict[str, Task]:
    """By name, its variant among it, the tasks of "ceval,mmlu@VARIANT,readme-o1.5", each once. Raises UsageError for a name that is none, naming one that is near."""
    found = {name: _task(name) for name in names(words)}
    if not found:
        raise UsageError(tr("No task is named.", "没有指定任务。"), "zhinao eval list")
    return found


def names(words: str) -> list[str]:
    """Suites as their tasks, each name once; whether they are tasks is not looked at."""
    every = filter(None, (one.strip() for one in words.split(",")))
    return list(dict.fromkeys(name for word in every for name in SUITES.get(word, (word,))))


def _task(name: str) -> Task:
    if task := tasks.find(name):
        return task
    base, _, variant = name.partition("@")
    if known := tasks.find(base):
        raise UsageError(
            tr(f"{base} has no variant {variant!r}.", f"{base} 没有变体 {variant!r}。"),
            tr("there are: ", "可选：") + (", ".join(known.variants) or "-"),
        )
    close = near(name, [*tasks.names(), *SUITES])
    meant = tr(f" Did you mean {close[0]}?", f" 是否想输入 {close[0]}？") if close else ""
    raise UsageError(tr(f"There is no task {name}.", f"没有任务 {name}。") + meant, "zhinao eval list")
