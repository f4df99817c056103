"""Everything that can be set about preference tuning: the settings of all training, and what is its own. Imports no torch."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.settings.settings import TrainSettings, option

BETA = {"dpo": 0.1, "nca": 0.3}  # nca: Light-R1's


@dataclass(frozen=True)
class PreferSettings(TrainSettings):
    """One run of preference tuning."""

    overlong: Literal["error", "drop"] = option(
        "error",
        "data",
        "pairs over the limit: stop if there are too many, or drop; an answer is never cut",
    )
    num_train_epochs: float = option(1, "optimisation", "passes over the data")
    learning_rate: float | None = option(None, "optimisation", "default 5e-7; adapters 5e-6")
    lr_scheduler_type: str = option("constant", "optimisation", "course of the learning rate")
    loss: Literal["dpo", "nca"] = option("dpo", "preference", "DPO's loss on the margin, or NCA's on each answer")
    beta: float | None = option(
        None,
        "preference",
        "how strongly the model is held to the reference: default 0.1 for dpo, 0.3 for nca",
    )
    label_smoothing: float = option(
        0.0,
        "preference",
        "share of pairs that may be the wrong way round (dpo; below 0.5)",
    )
    reference: Literal["precomputed", "copy"] | None = option(
        None,
        "preference",
        "the model before training: its log-probabilities computed once before the first step, or a second model in memory "
        "(default: copy); adapters need neither, they are switched off",
    )

    is_preference: ClassVar[bool] = True
    eval_metrics: ClassVar[tuple[str, ...]] = (
        "loss",
        "rewards/margins",
        "rewards/accuracies",
        "rewards/chosen",
        "rewards/rejected",
    )

    def check(self) -> None:
        """Raises UsageError for what cannot be meant, before anything is loaded."""
        super().check()
        if self.beta is not None and self.beta <= 0:
            raise UsageError(tr(f"--beta is {self.beta}; it must be above 0.", f"--beta 为 {self.beta}，必须大于 0。"))
        if not 0 <= self.label_smoothing < 0.5:
            raise UsageError(
                tr(
                    f"--label_smoothing is {self.label_smoothing}; from 0 to below 0.5.",
                    f"--label_smoothing 为 {self.label_smoothing}，应不小于 0 且小于 0.5。",
                )
            )
        if self.label_smoothing and self.loss == "nca":
            raise UsageError(
                tr("--label_smoothing is known to --loss dpo only.", "--label_smoothing 只适用于 --loss dpo。")
            )
        if self.reference and self.is_adapter:
            raise UsageError(
                tr(
                    f"--reference: with --method {self.method} the model without its adapters is the reference.",
                    f"--reference：--method {self.method} 时，去掉适配器的模型就是参考模型。",
                ),
                tr("leave --reference out", "请去掉 --reference"),
            )
        for name, why in _MEANINGLESS.items():
            if getattr(self, name) != PreferSettings.__dataclass_fields__[name].default:
                raise UsageError(tr(f"--{name} has no meaning here: {why[0]}.", f"--{name} 在此没有意义：{why[1]}。"))


_MEANINGLESS = {
    "is_concat": ("the rows of a batch are never padded anyway", "批次中本来就没有填充"),
    "train_on": ("a preference is about the answers alone", "偏好只针对回答"),
    "train_thoughts": ("an answer is compared as a whole", "回答是作为整体比较的"),
    "new_tokens": ("the reference does not know them; add them with `zhinao finetune` first", "参考模型不认识新词，请先用 `zhinao finetune` 添加"),
    "data_weights": ("pairs are taken as they are", "偏好对按原样使用"),
}  # fmt: skip


def decided(settings: PreferSettings) -> PreferSettings:
    """Settings in which beta, learning rate and reference are no longer open."""
    import dataclasses

    changes = {}
    if settings.beta is None:
        changes["beta"] = BETA[settings.loss]
    if settings.learning_rate is None:
        changes["learning_rate"] = 5e-6 if settings.is_adapter else 5e-7
    if settings.reference is None and not settings.is_adapter:
        changes["reference"] = "copy"
    return dataclasses.replace(settings, **changes)
