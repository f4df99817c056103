"""Everything that can be set about reinforcement learning: the settings of all training, and what is its own. Imports no torch."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from zhinao.config import suggestion
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.settings.settings import TrainSettings, option

LOSSES = ("grpo", "dapo", "dr_grpo", "bnpo", "cispo", "sapo")


@dataclass(frozen=True)
class ReinforceSettings(TrainSettings):
    """One run of GRPO. A line of the data has `prompt` (or `problem`, `question`, `messages`) and `gold` (or `answer`)."""

    learning_rate: float | None = option(None, "optimisation", "default 1e-6; adapters 1e-5")
    num_train_epochs: float = option(1, "optimisation", "passes over the data")
    lr_scheduler_type: str = option("constant", "optimisation", "course of the learning rate")
    per_device_train_batch_size: int = option(8, "optimisation", "completions in a forward pass on a device")
    stop_on_spike: bool = option(
        False, "optimisation", "stop where the loss has come apart (around nought it means little)"
    )
    sample_tokens: int = option(0, "evaluation", "length of these answers; 0: none")
    num_generations: int = option(8, "rollouts", "completions a prompt: the group whose rewards are compared")
    max_completion_length: int = option(1024, "rollouts", "most tokens of a completion")
    temperature: float = option(1.0, "rollouts", "of sampling, and of the log-probabilities that are trained")
    top_p: float = option(
        1.0, "rollouts", "nucleus of sampling; below 1 the sampled distribution is not the trained one"
    )
    opens_thought: bool = option(False, "rollouts", "end each prompt with <think>, where the template does not")
    steps_per_generation: int = option(
        1, "rollouts", "optimizer steps that learn from the same completions; above 1 the clipping has something to do"
    )
    loss_type: Literal[LOSSES] = option("dapo", "objective", "how tokens are averaged, as TRL names it")
    epsilon: float = option(0.2, "objective", "the ratio is clipped below 1 - epsilon")
    epsilon_high: float | None = option(None, "objective", "and above 1 + epsilon_high (DAPO: 0.28; default: epsilon)")
    beta: float = option(0.0, "objective", "weight of the KL term against the model before training; 0: no reference")
    importance_sampling_level: Literal["token", "sequence"] = option(
        "token", "objective", "ratio of each token, or of the whole completion (GSPO)"
    )
    scale_rewards: Literal["group", "batch", "none"] = option(
        "group", "objective", "advantages are divided by the spread of their group, of the batch, or not (Dr. GRPO)"
    )
    mask_truncated: bool = option(False, "objective", "completions that reached the limit teach nothing (DAPO)")
    rewards: tuple[str, ...] = option(
        ("mathematics",),
        "rewards",
        "NAME or NAME=WEIGHT: mathematics, choices, code, format, length, repetition, language",
    )
    stop_without_spread: int = option(
        20, "rewards", "stop after so many steps in a row in which all rewards of each prompt were equal; 0: never"
    )
    max_mismatch: float = option(
        0.5,
        "rewards",
        "stop where log-probabilities of sampler and trainer differ by more than this, a token's mean, three steps in a row; 0: never",
    )
    decontaminated: str | None = option(None, "data", "report of `zhinao reason decontaminate`; noted in run.json")

    def check(self) -> None:
        """Raises UsageError for what cannot be meant, before anything is loaded."""
        super().check()
        weighted(self.rewards)
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                span = f"{least:g} … {most:g}" if most < float("inf") else f"≥ {least:g}"
                raise UsageError(tr(f"--{name} is {value}; {span}.", f"--{name} 为 {value}，应为 {span}。"))
        for name, why in _MEANINGLESS.items():
            if getattr(self, name) != ReinforceSettings.__dataclass_fields__[name].default:
                raise UsageError(tr(f"--{name} has no meaning here: {why[0]}.", f"--{name} 在此没有意义：{why[1]}。"))


_RANGES = {
    "num_generations": (2, float("inf")), "max_completion_length": (1, float("inf")), "temperature": (1e-3, 10.0),
    "top_p": (1e-6, 1.0), "steps_per_generation": (1, float("inf")), "epsilon": (0.0, 1.0), "epsilon_high": (0.0, float("inf")),
    "beta": (0.0, float("inf")), "stop_without_spread": (0, float("inf")), "max_mismatch": (0.0, float("inf")),
}  # fmt: skip
_MEANINGLESS = {
    "is_concat": ("completions are drawn while training", "回答在训练中生成"),
    "train_on": ("what is learned is the completion", "学习的是生成的回答"),
    "train_thoughts": ("a completion is learned as a whole", "回答作为整体学习"),
    "new_tokens": ("the model would never draw them; add them with `zhinao finetune` first", "模型不会生成新词，请先用 `zhinao finetune` 添加"),
    "data_weights": ("prompts are taken as they are", "题目按原样使用"),
    "eval_data_path": ("measure with `zhinao reason rate` or `zhinao eval`", "请用 `zhinao reason rate` 或 `zhinao eval` 评测"),
    "eval_share": ("measure with `zhinao reason rate` or `zhinao eval`", "请用 `zhinao reason rate` 或 `zhinao eval` 评测"),
    "keep_best": ("nothing is held out", "没有验证数据"),
}  # fmt: skip


def weighted(words: tuple[str, ...]) -> dict[str, float]:
    """Names of rewards and their weights. Raises UsageError for one that is not known, or a weight that is no number."""
    from zhinao.score.rewards import REWARDS

    found = {}
    for word in words:
        name, given, weight = word.partition("=")
        if name not in REWARDS:
            raise UsageError(
                tr(f"--rewards: unknown reward {name!r}.", f"--rewards：未知的奖励 {name!r}。"),
                suggestion(name, [*REWARDS]) or ", ".join(REWARDS),
            )
        try:
            found[name] = float(weight) if given else 1.0
        except ValueError:
            raise UsageError(
                tr(f"--rewards {word}: the weight is no number.", f"--rewards {word}：权重不是数字。"), f"{name}=0.5"
            ) from None
    if not found:
        raise UsageError(tr("--rewards names none.", "--rewards 没有给出奖励。"), "--rewards mathematics")
    return found


def decided(settings: ReinforceSettings) -> ReinforceSettings:
    """Settings in which the learning rate is no longer open."""
    if settings.learning_rate is not None:
        return settings
    return dataclasses.replace(settings, learning_rate=1e-5 if settings.is_adapter else 1e-6)
