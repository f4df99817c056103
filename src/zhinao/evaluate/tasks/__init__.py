"""One small file a benchmark, each with `TASK`; the folder is the list."""

import importlib
import pkgutil

from zhinao.evaluate.task import Task


def names() -> list[str]:
    """Of all tasks, in order of the alphabet; nothing is imported."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if module.name[0] != "_")


def find(name: str) -> Task | None:
    """The task NAME or NAME@VARIANT; None where there is none."""
    base, _, variant = name.partition("@")
    if base not in names():
        return None
    task = importlib.import_module(f"{__name__}.{base.replace('-', '_')}").TASK
    return task.variants.get(variant) if variant else task
