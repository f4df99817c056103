"""vLLM's flags for a model of this family, out of the server's settings. What the user gave to vLLM directly is left out."""

import json
from collections.abc import Sequence
from dataclasses import fields

from zhinao.engine.vllm import DTYPES
from zhinao.errors import UsageError
from zhinao.family import CLOSING_SENTENCES, THINK_CLOSE
from zhinao.hub import LocalModel
from zhinao.lang import tr
from zhinao.serve.settings import ServeSettings, model_names
from zhinao.serve.vllm.family_files import FamilyFiles
from zhinao.serve.vllm.plugin import REASONING_PARSER

# What vLLM puts at the end of a thought whose budget is used up.
_CLOSING = f"\n\n{CLOSING_SENTENCES[0]}\n{THINK_CLOSE}\n\n"
MIDDLEWARE = "zhinao.serve.vllm.middleware.FamilyMiddleware"
_EMBEDDED_ONLY = ("tuned_for", "tokens_per_minute", "max_queued", "strict_params")


def check(settings: ServeSettings, is_cpu: bool) -> None:
    """Raise UsageError for a setting that vLLM's server cannot follow, rather than forget it."""
    if settings.device != "auto" and (settings.device == "cpu") != is_cpu:
        built = "cpu" if is_cpu else "GPU"
        raise UsageError(
            tr(
                f"This vLLM is built for {built}; the device asked for is {settings.device!r}.",
                f"此 vLLM 为 {built} 构建，而要求的设备是 {settings.device!r}。",
            )
        )
    if settings.quant is not None and settings.quant not in DTYPES:
        raise UsageError(
            tr(
                f"vLLM has no {settings.quant!r} weights of ours; it has: {', '.join(DTYPES)}.",
                f"vLLM 没有 {settings.quant!r} 权重，可用：{'、'.join(DTYPES)}。",
            ),
            tr("vLLM's own way: --quantization fp8", "vLLM 自己的方式：--quantization fp8"),
        )
    defaults = {field.name: field.default for field in fields(settings)}
    for name in _EMBEDDED_ONLY if is_cpu else (*_EMBEDDED_ONLY, "threads"):
        if getattr(settings, name) != defaults[name]:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(
                tr(f"{flag}: vLLM's server has no such setting.", f"{flag}：vLLM 的服务器没有这项设置。"),
                tr("leave it out, or take --engine openvino", "请去掉它，或使用 --engine openvino"),
            )


def chosen(
    model: LocalModel, settings: ServeSettings, files: FamilyFiles, is_cpu: bool, flags: Sequence[str]
) -> list[str]:
    """The flags that are to stand before the user's own."""
    is_ours = files.thinks and not has(flags, "--reasoning-parser")
    pairs: list[tuple[str, list[str] | None]] = [
        ("--served-model-name", list(settings.served_model_name or model_names(model.name, model.release))),
        ("--host", [settings.host]),
        ("--port", [str(settings.port)]),
        ("--dtype", [DTYPES[settings.quant or "bf16"]]),
        ("--generation-config", [str(files.folder)] if files.folder else None),
        ("--hf-overrides", [json.dumps(files.overrides)] if files.overrides else None),
        ("--chat-template", [str(files.chat_template)] if files.chat_template else None),
        ("--reasoning-parser", [REASONING_PARSER] if is_ours else None),
        ("--reasoning-config", [json.dumps({"reasoning_end_str": _CLOSING})] if is_ours else None),
        ("--tool-call-parser", ["hermes"]),
        ("--enable-auto-tool-choice", []),
        ("--shutdown-timeout", [str(round(settings.drain_seconds))]),
        ("--max-num-seqs", _if_changed(settings, "max_running")),
        ("--kv-cache-memory-bytes", [str(int(settings.cache_gb * 1e9))] if settings.cache_gb else None),
        ("--enable-log-requests", [] if settings.log_content else None),
        ("--enable-log-outputs", [] if settings.log_content else None),
        ("--disable-uvicorn-access-log", []),
        ("--enforce-eager", [] if is_cpu else None),  # compiling pays on a GPU; on a CPU it takes minutes
    ]
    argv = [word for flag, values in pairs if values is not None and not has(flags, flag) for word in (flag, *values)]
    return [*argv, "--middleware", MIDDLEWARE]


def has(flags: Sequence[str], flag: str) -> bool:
    """Whether the user gave a flag, in any of vLLM's spellings: `--a-b`, `--a_b`, `--a-b=x`, `--no-a-b`."""
    wanted = {flag, f"--no-{flag[2:]}"}
    return any(_plain(word) in wanted for word in flags)


def value_of(flags: Sequence[str], flag: str) -> str | None:
    """The value that the user gave to a flag of one value."""
    for n, word in enumerate(flags):
        if _plain(word) == flag:
            return word.partition("=")[2] if "=" in word else next(iter(flags[n + 1 :]), None)
    return None


def _plain(word: str) -> str:
    return word.partition("=")[0].replace("_", "-") if word.startswith("-") else ""


def _if_changed(settings: ServeSettings, name: str) -> list[str] | None:
    default = next(field.default for field in fields(settings) if field.name == name)
    value = getattr(settings, name)
    return None if value == default else [json.dumps(value)]
