"""What each process of a launched run is: a training verb of `zhinao`, a module, or a script of the user's own. Starts nothing."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zhinao import config
from zhinao.errors import UsageError
from zhinao.lang import tr

VERBS = ("finetune", "pretrain", "prefer")


@dataclass(frozen=True)
class Program:
    """`start`: the words before the program's own (`python -m …`); `module`: its name where it is one; `arguments`: its own words."""

    start: tuple[str, ...]
    arguments: tuple[str, ...]
    module: str | None = None
    note: str | None = None

    @property
    def argv(self) -> tuple[str, ...]:
        return self.start + self.arguments

    @property
    def output_dir(self) -> Path | None:
        """Where the program will write, by its own flag or its YAML file; None where that is not said."""
        for n, word in enumerate(self.arguments):
            name, sign, value = word.partition("=")
            if name in ("--output_dir", "--output-dir"):
                return Path(value) if sign else Path(self.arguments[n + 1]) if n + 1 < len(self.arguments) else None
        recipes = [Path(word) for word in self.arguments if word.endswith((".yaml", ".yml"))]
        given = config.read_yaml(recipes[0]).get("output_dir") if recipes and recipes[0].is_file() else None
        return Path(str(given)) if given else None  # what is no text is the verb's to refuse


def of(words: Sequence[str], is_module: bool = False) -> Program:
    """The program that `words` name: `finetune …`, with `is_module` a module's name, or a file that ends with `.py`.

    The plain word `finetune.py`, as in the publisher's script, is `zhinao finetune`. Raises UsageError for anything else.
    """
    words = list(words[1:] if words[:1] == ["--"] else words)
    if not words:
        raise UsageError(
            tr("There is nothing to start.", "没有要启动的程序。"),
            "zhinao launch --num_gpus 8 -- finetune recipe.yaml",
        )
    first, rest = words[0], tuple(words[1:])
    python = (sys.executable, "-u")
    if is_module:
        return Program((*python, "-m", first), rest, module=first)
    if first in VERBS or first == "finetune.py":
        note = None
        if first == "finetune.py":
            first = "finetune"
            note = tr(
                "finetune.py is taken as `zhinao finetune`; a file of your own is ./finetune.py.",
                "finetune.py 视为 `zhinao finetune`；自己的文件请写作 ./finetune.py。",
            )
        return Program((*python, "-m", "zhinao", first), rest, note=note)
    if first.endswith(".py"):
        if not Path(first).is_file():
            raise UsageError(tr(f"{first}: there is no such file.", f"{first}：没有这个文件。"))
        return Program((*python, first), rest)
    raise UsageError(
        tr(f"{first!r} cannot be started in many processes.", f"{first!r} 不能以多进程启动。"),
        config.suggestion(first, VERBS)
        or tr(f"{', '.join(VERBS)}, a file.py, or --module NAME", f"{', '.join(VERBS)}、file.py 或 --module NAME"),
    )
