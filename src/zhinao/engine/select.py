"""Which engine is taken, and why. Looks for packages without importing them."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from zhinao import machine
from zhinao.errors import MissingExtraError, UsageError
from zhinao.lang import tr

# engine -> package that must be there, extra of `pip install`, weight formats
ENGINES = {
    "openvino": ("openvino_genai", None, ("int8", "bf16", "f32")),
    "transformers": ("torch", "torch", ("f32", "bf16", "f16")),
    "vllm": ("vllm", "vllm", ("bf16", "f16", "f32")),
}


@dataclass(frozen=True)
class Choice:
    engine: str
    reason: str


def choose(
    engine: str = "auto",
    quant: str | None = None,
    device: str = "auto",
    gpus: Sequence[machine.Gpu] | None = None,
    *,
    must_be_here: bool = True,
) -> Choice:
    """The engine for this machine. `gpus` None looks for them. Without `must_be_here` a named engine need not be installed.

    Raises UsageError for names that do not exist or do not go together, MissingExtraError for packages that are not there.
    """
    return _check(_pick(quant, device, gpus) if engine == "auto" else _named(engine, device, must_be_here), quant)


def _pick(quant: str | None, device: str, gpus: Sequence[machine.Gpu] | None) -> Choice:
    if device == "cpu":
        return Choice("openvino", tr("device is cpu", "指定了 cpu"))
    if quant in ENGINES["openvino"][2] and quant not in ENGINES["transformers"][2]:
        return Choice("openvino", tr(f"{quant} weights", f"{quant} 权重"))
    gpus = machine.nvidia_gpus() if gpus is None else gpus
    if not gpus and device == "auto":
        return Choice("openvino", tr("no GPU found", "没有找到 GPU"))
    name = gpus[0].name if gpus else device
    if _has("vllm") and device.startswith(("auto", "cuda")):
        return Choice("vllm", tr(f"GPU ({name}) and vLLM are there", f"有 GPU（{name}）和 vLLM"))
    if _has("torch"):
        english = f"GPU ({name}) and torch are there, vLLM is not"
        return Choice("transformers", tr(english, f"有 GPU（{name}）和 torch，没有 vLLM"))
    if device != "auto":
        raise MissingExtraError("torch", "torch")
    english = f"a GPU ({name}) is there, but neither vLLM nor torch is installed"
    return Choice("openvino", tr(english, f"有 GPU（{name}），但没有安装 vLLM 或 torch"))


def _named(engine: str, device: str, must_be_here: bool) -> Choice:
    if engine not in ENGINES:
        raise UsageError(
            tr(
                f"There is no engine {engine!r}; there are: auto, {', '.join(ENGINES)}.",
                f"没有名为 {engine!r} 的引擎，可用：auto、{'、'.join(ENGINES)}。",
            )
        )
    if must_be_here:
        require(engine)
    if engine == "openvino" and device not in ("auto", "cpu"):
        raise UsageError(
            tr(
                f"The openvino engine runs on the CPU, not on {device!r}.",
                f"openvino 引擎只在 CPU 上运行，不支持 {device!r}。",
            ),
            tr("leave --device out, or take --engine transformers", "去掉 --device，或使用 --engine transformers"),
        )
    return Choice(engine, tr("asked for", "由用户指定"))


def _check(choice: Choice, quant: str | None) -> Choice:
    allowed = ENGINES[choice.engine][2]
    if quant is not None and quant not in allowed:
        raise UsageError(
            tr(
                f"The {choice.engine} engine has no {quant!r} weights; it has: {', '.join(allowed)}.",
                f"{choice.engine} 引擎没有 {quant!r} 权重，可用：{'、'.join(allowed)}。",
            )
        )
    return choice


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def require(engine: str) -> None:
    """Raises UsageError or MissingExtraError, with the install line, where the engine's package is not there."""
    package, extra, _ = ENGINES[engine]
    if not _has(package):
        if extra:
            raise MissingExtraError(package, extra)
        raise UsageError(tr(f"{package} is not installed.", f"没有安装 {package}。"), "pip install openvino-genai")
