"""Optimizers of transformers by name: the package that each stands on, and which flags it looks at. Makes none.

Imports nothing of transformers; a test compares the names.
"""

import importlib.util
from dataclasses import dataclass

from zhinao import config
from zhinao.errors import MissingExtraError, UsageError
from zhinao.lang import tr


@dataclass(frozen=True)
class Optimizer:
    """module: what it needs beside torch, and `package`, how that is installed. args: what it reads of `optim_args`. targets:
    whether it needs `optim_target_modules`. betas: whether it reads `--adam_beta1` and 2. accumulates: whether batches can be
    added up before a step."""

    module: str | None = None
    package: str | None = None
    args: tuple[str, ...] = ()
    targets: bool = False
    betas: bool = True
    accumulates: bool = True


_BNB = {"module": "bitsandbytes", "package": "bitsandbytes"}
_GALORE = {
    "module": "galore_torch",
    "package": "galore-torch",
    "args": ("rank", "update_proj_gap", "scale", "proj_type"),
    "targets": True,
    "betas": False,
}
_APOLLO = {
    "module": "apollo_torch",
    "package": "apollo-torch",
    "args": ("rank", "proj", "scale_type", "update_proj_gap", "scale", "proj_type"),
    "targets": True,
}
_FREE = {"module": "schedulefree", "package": "schedulefree", "args": ("weight_lr_power", "r")}
_LOMO = {"module": "lomo_optim", "package": "lomo-optim", "betas": False, "accumulates": False}
OPTIMIZERS = {
    "adamw_torch": Optimizer(),
    "adamw_torch_fused": Optimizer(),
    "adamw_torch_xla": Optimizer("torch_xla", "torch_xla"),
    "adamw_torch_npu_fused": Optimizer("torch_npu", "torch_npu"),
    "adafactor": Optimizer(betas=False),
    "sgd": Optimizer(args=("momentum", "dampening", "nesterov"), betas=False),
    "adagrad": Optimizer(args=("lr_decay", "eps"), betas=False),
    "rmsprop": Optimizer(args=("momentum", "alpha", "eps", "centered"), betas=False),
    "adamw_anyprecision": Optimizer(
        "torchdistx", "torchdistx",
        args=("use_kahan_summation", "momentum_dtype", "variance_dtype", "compensation_buffer_dtype"),
    ),
    **dict.fromkeys(("adamw_torch_4bit", "adamw_torch_8bit"), Optimizer("torchao", "torchao", args=("block_size", "bf16_stochastic_round"))),
    **dict.fromkeys(
        ("adamw_bnb_8bit", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit", "lion_8bit", "lion_32bit",
         "paged_lion_32bit", "paged_lion_8bit"),
        Optimizer(**_BNB),
    ),
    **dict.fromkeys(
        ("ademamix", "ademamix_8bit", "paged_ademamix_32bit", "paged_ademamix_8bit"), Optimizer(**_BNB, args=("beta1", "beta2", "beta3", "alpha", "eps", "t_alpha", "t_beta3"))
    ),
    **dict.fromkeys(("rmsprop_bnb", "rmsprop_bnb_8bit", "rmsprop_bnb_32bit"), Optimizer(**_BNB, betas=False)),
    **dict.fromkeys(("galore_adamw", "galore_adamw_8bit", "galore_adafactor"), Optimizer(**_GALORE)),
    **dict.fromkeys(
        ("galore_adamw_layerwise", "galore_adamw_8bit_layerwise", "galore_adafactor_layerwise"),
        Optimizer(**_GALORE, accumulates=False),
    ),
    "apollo_adamw": Optimizer(**_APOLLO),
    "apollo_adamw_layerwise": Optimizer(**_APOLLO, accumulates=False),
    **dict.fromkeys(("lomo", "adalomo"), Optimizer(**_LOMO)),
    "grokadamw": Optimizer(
        "grokadamw", "grokadamw", betas=False,
        args=("alpha_init", "lamb", "gamma", "grokking_signal_decay_rate", "gradient_clipping"),
    ),
    **dict.fromkeys(("schedule_free_radam", "schedule_free_adamw"), Optimizer(**_FREE)),
    "schedule_free_sgd": Optimizer(**_FREE, betas=False),
    "stable_adamw": Optimizer("optimi", "torch-optimi", args=("max_lr", "kahan_sum", "decouple_lr")),
}  # fmt: skip


def check(settings) -> None:
    """Raises UsageError for an optimizer (of a TrainSettings) that does not exist, or that has no use for what is set."""
    name, more = settings.optim, settings.training_arguments
    if name not in OPTIMIZERS:
        raise UsageError(
            tr(f"--optim {name}: not known.", f"--optim {name}：未知的名称。"),
            config.suggestion(name, OPTIMIZERS) or ", ".join(OPTIMIZERS),
        )
    one = OPTIMIZERS[name]
    if one.targets and not more.get("optim_target_modules"):
        raise UsageError(
            tr(f"--optim {name} needs optim_target_modules.", f"--optim {name} 需要 optim_target_modules。"),
            "--training_argument optim_target_modules=all-linear",
        )
    for argument, is_read in (("optim_args", one.args), ("optim_target_modules", one.targets)):
        if more.get(argument) is not None and not is_read:
            raise _unread(name, f"training_arguments.{argument}")
    for flag in ("adam_beta1", "adam_beta2"):
        if not one.betas and getattr(settings, flag) != type(settings).__dataclass_fields__[flag].default:
            raise _unread(name, f"--{flag}")
    if not one.accumulates and settings.gradient_accumulation_steps > 1:
        raise UsageError(
            tr(f"--optim {name} steps with every batch.", f"--optim {name} 每批都会更新参数。"),
            "--gradient_accumulation_steps 1",
        )
    _check_args(name, one.args, more.get("optim_args"))


def _unread(name: str, what: str) -> UsageError:
    return UsageError(tr(f"{what}: --optim {name} does not look at it.", f"{what}：--optim {name} 不使用它。"))


def _check_args(name: str, known: tuple[str, ...], words: str | None) -> None:
    """transformers reads the names that it knows, and passes over the others."""
    for word in words.split(",") if words else ():
        one, sign, _ = word.partition("=")
        if not sign or one.strip() not in known:
            raise UsageError(
                tr(
                    f"optim_args: --optim {name} does not know {word!r}.",
                    f"optim_args：--optim {name} 不认识 {word!r}。",
                ),
                config.suggestion(one, known) or tr("there are: ", "可选：") + ", ".join(f"{key}=…" for key in known),
            )


def check_package(name: str) -> None:
    """Raises MissingExtraError where the optimizer's package is not installed."""
    one = OPTIMIZERS[name]
    if one.module and importlib.util.find_spec(one.module) is None:
        error = MissingExtraError(f"{one.package} (--optim {name})", "train")
        error.hint = f"pip install {one.package}"  # in no extra of ours
        raise error


def state_bytes(optim: str) -> float:
    """Bytes of optimizer state a trained parameter, in memory and in a checkpoint."""
    if "8bit" in optim:
        return 2.03  # two moments of 8 bits and their scales, one a block of 256
    if "adafactor" in optim or optim == "sgd":
        return 0.01
    return 8
