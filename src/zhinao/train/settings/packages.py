"""The packages that a run needs, by what its settings ask for: found missing before anything is loaded. Imports none of them."""

import importlib.util
from collections.abc import Iterable

from zhinao.config import suggestion
from zhinao.errors import MissingExtraError, UsageError
from zhinao.lang import tr
from zhinao.train.settings import optimizers
from zhinao.train.settings.settings import TrainSettings

TRACKERS = ("tensorboard", "wandb", "swanlab", "none")
_ALWAYS = ("torch", "transformers", "accelerate", "peft")


def check_installed(*further: str) -> None:
    """Raises MissingExtraError for what training stands on, and for `further` packages."""
    for package in (*_ALWAYS, *further):
        if not is_installed(package):
            raise MissingExtraError(package, "train")


def check(settings: TrainSettings) -> None:
    """Raises MissingExtraError for what the settings name and is not there, UsageError for a tracker nobody knows."""
    check_trackers(settings.report_to)
    optimizers.check_package(settings.optim)


def check_trackers(report_to: str | Iterable[str] | None) -> set[str]:
    """What `--report_to` names. Raises UsageError for an unknown name, MissingExtraError for a package that is not there."""
    names = {report_to} if isinstance(report_to, str) else set(report_to or ())
    for name in sorted(names - set(TRACKERS)):
        raise UsageError(
            tr(f"--report_to {name}: not known.", f"--report_to {name}：未知的名称。"),
            suggestion(name, TRACKERS) or ", ".join(TRACKERS),
        )
    for name in sorted(names - {"none"}):
        if not is_installed(name):
            raise missing(name)
    return names


def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def missing(package: str) -> MissingExtraError:
    error = MissingExtraError(package, "train")
    if package != "tensorboard":  # in no extra of ours
        error.hint = f"pip install {package}"
    return error
