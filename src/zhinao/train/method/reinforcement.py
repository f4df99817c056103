"""Reinforcement learning: completions drawn from the model and graded, by TRL's GRPO and its kin. Imports torch and TRL when called."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zhinao.lang import counted, tr
from zhinao.score.rewards import NEEDS_GOLD, REWARDS
from zhinao.train import run as frame
from zhinao.train.method import preference, prompts
from zhinao.train.monitor.journal import Journal
from zhinao.train.run import Method, Outcome, Prepared, Run
from zhinao.train.settings import reinforce as settings_of
from zhinao.train.settings.reinforce import ReinforceSettings

COMPLETIONS = "completions.jsonl"


def reinforce(settings: ReinforceSettings, rewards: dict[str, Callable] | None = None, rollouts=None) -> Outcome:
    """One run of GRPO. rewards: by name, more than and instead of `score/rewards`. rollouts: see `loop/rollout.py`. Raises what `run.train` does."""
    return frame.train(settings, Reinforcement(rewards, rollouts))


class Reinforcement(Method):
    """`train` of what is prepared: a `datasets.Dataset` of prompts."""

    packages = ("trl", "datasets")

    def __init__(self, rewards: dict[str, Callable] | None = None, rollouts=None):
        self.known, self.rollouts = {**REWARDS, **(rewards or {})}, rollouts

    def decided(self, settings: ReinforceSettings) -> ReinforceSettings:
        return settings_of.decided(settings)

    def prepare(self, settings: ReinforceSettings, tokenizer_folder: Path) -> Prepared:
        from datasets import Dataset

        read = prompts.read(
            settings.data_path,
            tokenizer_folder,
            max_tokens=settings.model_max_length - settings.max_completion_length,
            opens_thought=settings.opens_thought,
            needs_gold=bool(NEEDS_GOLD & settings_of.weighted(settings.rewards).keys()),
        )
        columns = [
            {"prompt": one.text, "prompt_ids": one.ids, "gold": one.gold, "is_thought_open": one.is_thought_open}
            for one in read.prompts
        ]
        lengths = np.array([len(one.ids) for one in read.prompts])
        self.num_overlong = read.num_overlong
        return Prepared(Dataset.from_list(columns), None, read.key, lengths, 0, found=read.found)

    def sentences(self, settings: ReinforceSettings, data: Prepared) -> list[str]:
        return [
            *(f"{one} ({one.num_samples:,})" for one in data.found),
            *self._overlong(),
            _sentence(settings, len(data.lengths)),
        ]

    def _overlong(self) -> list[str]:
        if not self.num_overlong:
            return []
        num = counted(self.num_overlong, "prompt leaves", "prompts leave")
        return [
            tr(
                f"{num} no room for an answer and are left out (--model_max_length).",
                f"{self.num_overlong:,} 道题过长，没有回答的余地，已略过（--model_max_length）。",
            )
        ]

    def arguments(self, settings: ReinforceSettings, has_evaluation: bool):
        return grpo_config(settings)

    def trainer(self, run: Run):
        """With its model and, where the KL term needs one, its reference."""
        from transformers import AutoTokenizer

        from zhinao.model import defaults
        from zhinao.train.loop.reinforce_trainer import ReinforceTrainer
        from zhinao.train.monitor.guard import LossGuard
        from zhinao.train.net import load

        preference._quiet()
        settings, source = run.settings, run.source
        end_ids = defaults.read(source.path, run.tokenizer).stop_ids
        pad_id = run.tokenizer.pad_id if run.tokenizer.pad_id is not None else end_ids[0]
        return ReinforceTrainer(
            model=load.load(settings, run.weights, run.tokenizer),
            ref_model=_reference(run) if settings.beta and not settings.is_adapter else None,
            beta=settings.beta,
            args=run.args,
            processing_class=AutoTokenizer.from_pretrained(source.path, local_files_only=True),
            train_dataset=run.data.train,
            rewards={name: self.known[name] for name in settings_of.weighted(settings.rewards)},
            decode=run.tokenizer.decode,
            end_ids=end_ids,
            pad_id=pad_id,
            rollouts=self.rollouts,
            record=_Completions(Path(settings.output_dir) / COMPLETIONS),
            stop_without_spread=settings.stop_without_spread,
            max_mismatch=settings.max_mismatch,
            guard=LossGuard.of(settings, run.tokenizer),
        )


def grpo_config(settings: ReinforceSettings):
    """TRL's configuration for decided settings."""
    from trl import GRPOConfig

    from zhinao.train.loop import training_arguments

    return training_arguments.of(
        settings,
        False,
        GRPOConfig,
        num_generations=settings.num_generations,
        max_completion_length=settings.max_completion_length,
        temperature=settings.temperature,
        top_p=settings.top_p,
        steps_per_generation=settings.steps_per_generation * settings.gradient_accumulation_steps,
        loss_type=settings.loss_type,
        epsilon=settings.epsilon,
        epsilon_high=settings.epsilon_high,
        beta=0.0,  # the reference is ours
        importance_sampling_level=settings.importance_sampling_level,
        scale_rewards=settings.scale_rewards,
        mask_truncated_completions=settings.mask_truncated,
        reward_weights=list(settings_of.weighted(settings.rewards).values()),
        disable_dropout=not settings.lora_dropout,
    )


class _Completions:
    """The file of all completions; a resumed run goes on where its checkpoint stood."""

    def __init__(self, file: Path):
        self.journal, self.has_begun = Journal(file), False

    def __call__(self, step: int, lines: list[dict]) -> None:
        if not self.has_begun:
            self.journal.begin(step)
            self.has_begun = True
        for line in lines:
            self.journal.append(line)


def _reference(run: Run):
    from zhinao.train.net import load

    model = load.load(dataclasses.replace(run.settings, method="full"), run.source.path, run.tokenizer)
    return model.requires_grad_(False).eval()


def _sentence(settings: ReinforceSettings, num_prompts: int) -> str:
    shown = " + ".join(f"{weight:g} × {name}" for name, weight in settings_of.weighted(settings.rewards).items())
    return tr(
        f"{counted(num_prompts, 'prompt')}, {settings.num_generations} completions each; {settings.loss_type}, rewards {shown}, "
        f"KL {settings.beta:g}, learning rate {settings.learning_rate:g}.",
        f"{num_prompts:,} 道题，每题 {settings.num_generations} 个回答；{settings.loss_type}，奖励 {shown}，"
        f"KL {settings.beta:g}，学习率 {settings.learning_rate:g}。",
    )
