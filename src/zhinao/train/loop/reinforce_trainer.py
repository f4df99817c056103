"""TRL's GRPOTrainer on our token ids: advantages and losses are TRL's; rollouts, rewards, the reference, checks of each step and exact
resumption are ours. Loads nothing and reads no data."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import TrainerCallback
from trl import GRPOTrainer

from zhinao.errors import ZhinaoError
from zhinao.lang import tr
from zhinao.train.loop.rollout import OwnRollouts, Rollouts
from zhinao.train.loop.saving import SavingMixin

MISMATCHES = 3  # steps in a row
RATIO_LIMIT = 2.0  # of the correction for another sampler's probabilities, a token
_STATE = "rollouts-{}.pt"


class NothingToLearnError(ZhinaoError):
    """All rewards of a prompt were equal, for too many steps in a row."""

    exit_code = 12


class MismatchError(ZhinaoError):
    """Sampler and trainer do not compute the same probabilities."""

    exit_code = 13


class ReinforceTrainer(SavingMixin, GRPOTrainer):
    """A dataset's columns: `prompt` (text), `prompt_ids`, `gold`, `is_thought_open`. `args`: a GRPOConfig whose `beta` is 0.

    rewards: name -> callable as in `score/rewards`, their weights in `args.reward_weights`. beta, ref_model: the KL term and the model
    before training; with adapters the model without them is the reference. record(step, lines): takes completions as they come.
    """

    def __init__(
        self,
        *,
        rewards: dict[str, Callable],
        decode: Callable[[Sequence[int]], str],
        end_ids: Sequence[int],
        pad_id: int,
        beta: float = 0.0,
        ref_model=None,
        rollouts: Rollouts | None = None,
        record: Callable[[int, list[dict]], None] | None = None,
        stop_without_spread: int = 0,
        max_mismatch: float = 0.0,
        **arguments,
    ):
        model = arguments["model"]
        padding = model.config.pad_token_id, model.generation_config.pad_token_id
        functions = [_reward(name, one, decode) for name, one in rewards.items()]
        super().__init__(reward_funcs=functions, **arguments)
        # TRL put the tokenizer's there; and transformers would do so with its end token
        model.config.pad_token_id, model.generation_config.pad_token_id = padding
        self.processing_class = None
        self.eos_token_ids, self.pad_id, self.decode = list(end_ids), pad_id, decode
        self._tokenizer = _Decoder(decode, pad_id)
        self.rollouts, self.record = rollouts or OwnRollouts(), record
        self.stop_without_spread, self.max_mismatch = stop_without_spread, max_mismatch
        self.num_without_spread = self.num_mismatches = 0
        self._scored: torch.Tensor | None = None
        self._use_reference(beta, ref_model)
        self.add_callback(_StopWithoutSpread(self))

    def _use_reference(self, beta: float, ref_model) -> None:
        """TRL would read it from where the model came from, which for a resumed run is the checkpoint."""
        from trl.trainer.utils import add_fused_lm_head

        self.beta = beta
        if ref_model is not None:
            add_fused_lm_head(ref_model, temperature=self.temperature)
            self.ref_model = self.accelerator.prepare_model(ref_model.eval(), evaluation_mode=True)

    # rollouts

    def _generate_and_score_completions(self, inputs: list[dict]) -> dict:
        self._inputs = inputs
        output = super()._generate_and_score_completions(inputs)
        self._count(output)
        self._spread()
        return output

    def _generate(self, prompts: list):
        self.processing_class = self._tokenizer  # asked for text only
        try:
            return super()._generate(prompts)
        finally:
            self.processing_class = None

    def _tokenize_prompts(self, prompts: list):
        return [list(one["prompt_ids"]) for one in self._inputs], None, {}

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations, has_tool_images=False):
        return self.rollouts.generate(self, prompt_ids)

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        found = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        if self.record and self.accelerator.is_main_process:
            own = found[: len(prompts)].tolist()
            self.record(self.state.global_step, [
                {"step": self.state.global_step + 1, "prompt": one["prompt"], "gold": one["gold"], "completion": self.decode(ids),
                 "num_tokens": len(ids), "is_cut": ids[-1] not in self.eos_token_ids,
                 "rewards": dict(zip(self.reward_func_names, row, strict=True))}
                for one, ids, row in zip(inputs, completion_ids_list, own, strict=True)
            ])  # fmt: skip
        return found

    def _count(self, output: dict) -> None:
        read = [output["prompt_mask"].sum() + output["completion_mask"].sum(), output["completion_mask"].sum()]
        sums = torch.stack([*read, torch.tensor(len(output["prompt_ids"]), device=read[0].device)])
        sums = self.accelerator.reduce(sums, "sum").tolist()
        self.counts.num_tokens += int(sums[0])
        self.counts.num_supervised += int(sums[1])
        self.counts.num_documents += int(sums[2])

    def _spread(self) -> None:
        """Count steps that can teach nothing since each prompt's rewards are all the same."""
        share = self._metrics["train"]["frac_reward_zero_std"][-1]
        self.num_without_spread = self.num_without_spread + 1 if share >= 1 else 0
        self._metrics["train"]["steps_without_spread"].append(self.num_without_spread)

    # the loss

    def _get_per_token_logps_and_entropies(self, model, *more, **options):
        found = super()._get_per_token_logps_and_entropies(model, *more, **options)
        self._scored = found[0].detach()
        return found

    def _compute_loss(self, model, inputs):
        drawn, advantages = inputs.get("sampling_per_token_logps"), inputs["advantages"]
        if drawn is not None and self.rollouts.is_foreign and "old_per_token_logps" in inputs:
            ratio = torch.exp(inputs["old_per_token_logps"] - drawn).clamp(max=RATIO_LIMIT)
            inputs = {**inputs, "advantages": advantages.unsqueeze(1) * ratio}
        loss = super()._compute_loss(model, inputs)
        if drawn is not None:
            self._compare(inputs.get("old_per_token_logps", self._scored), drawn, inputs["completion_mask"])
        if self.guard is not None:
            self.guard.check(self.state.global_step + 1, loss.detach(), None, None)
        return loss

    def _compare(self, scored, drawn, mask) -> None:
        """How far the sampler's log-probabilities are from the trainer's, a token: shown each step, and stopped by where it stays large."""
        apart = ((scored - drawn).abs() * mask).float()
        sums = self.accelerator.reduce(torch.stack([apart.sum(), mask.sum().float()]), "sum")
        mean = (sums[0] / sums[1].clamp(min=1)).item()
        self._metrics["train"]["mismatch"].append(mean)
        self._metrics["train"]["mismatch_max"].append(self.accelerator.gather(apart.max()).max().item())
        self.num_mismatches = self.num_mismatches + 1 if self.max_mismatch and mean > self.max_mismatch else 0
        if self.num_mismatches >= MISMATCHES:
            raise MismatchError(
                tr(
                    f"Stopped at step {self.state.global_step + 1}: log-probabilities of sampler and trainer are {mean:.3g} apart, a token's mean.",
                    f"在第 {self.state.global_step + 1} 步停止：采样端与训练端的对数概率每 token 平均相差 {mean:.3g}。",
                ),
                tr("compare weights and precision of both; --max_mismatch sets the limit", "请比较两端的权重与精度；上限由 --max_mismatch 设置"),
            )  # fmt: skip

    # saved, and gone on from

    def _get_train_sampler(self, dataset=None):
        self._sampler = super()._get_train_sampler(dataset)
        return self._sampler

    def _run_epoch(self, **kwargs):
        """The order of prompts follows from seed and epoch alone; TRL's generator would begin anew in a resumed run."""
        if self.shuffle_dataset:
            self._sampler.generator.manual_seed(self.args.seed * 1_000_003 + kwargs["epoch"])
        super()._run_epoch(**kwargs)

    def _save_rng_state(self, output_dir) -> None:
        """Each process: also completions that are still to be learned from, and what is counted from step to step."""
        super()._save_rng_state(output_dir)
        kept = {
            "micro_steps": self._step,
            "rollouts": self._buffered_inputs,
            "without_spread": self.num_without_spread,
            "mismatches": self.num_mismatches,
        }
        torch.save(kept, Path(output_dir) / _STATE.format(self.accelerator.process_index))

    def _load_rng_state(self, checkpoint) -> None:
        super()._load_rng_state(checkpoint)
        file = checkpoint and Path(checkpoint) / _STATE.format(self.accelerator.process_index)
        if not file or not file.is_file():
            return
        kept = torch.load(file, map_location=self.accelerator.device, weights_only=True)
        self._step, self._buffered_inputs = kept["micro_steps"], kept["rollouts"]
        self.num_without_spread, self.num_mismatches = kept["without_spread"], kept["mismatches"]

    def _send_telemetry(self) -> None:
        """TRL tells its makers of each run; we tell nobody."""

    def create_model_card(self, *args, **kwargs) -> None:
        """TRL writes one into each checkpoint; the run's own page says what was trained."""


class _StopWithoutSpread(TrainerCallback):
    """Saves, then ends the run with a sentence."""

    def __init__(self, trainer: ReinforceTrainer):
        self.trainer = trainer

    @property
    def is_over(self) -> bool:
        return 0 < self.trainer.stop_without_spread <= self.trainer.num_without_spread

    def on_step_end(self, args, state, control, **kwargs):
        control.should_save |= self.is_over

    def on_save(self, args, state, control, **kwargs):
        if self.is_over:
            num = self.trainer.num_without_spread
            raise NothingToLearnError(
                tr(
                    f"Stopped after step {state.global_step}: for {num} steps all rewards of each prompt were equal, so there was nothing to learn.",
                    f"在第 {state.global_step} 步后停止：连续 {num} 步中每道题的奖励都相同，没有可学习的内容。",
                ),
                tr(
                    "choose prompts of pass rate 0.2 to 0.8 (`zhinao reason rate`), or look at completions.jsonl; --stop_without_spread sets the limit",
                    "请选通过率 0.2 到 0.8 的题目（`zhinao reason rate`），或查看 completions.jsonl；上限由 --stop_without_spread 设置",
                ),
            )


class _Decoder:
    """What TRL still asks of a tokenizer: ids as text, and the padding."""

    response_template = response_schema = None

    def __init__(self, decode, pad_id: int):
        self.decode, self.pad_token_id = decode, pad_id

    def batch_decode(self, rows, **_) -> list[str]:
        return [self.decode(row) for row in rows]


def _reward(name: str, grade: Callable, decode) -> Callable:
    """A reward as TRL calls it."""

    @functools.wraps(grade)
    def graded(*, prompts, completion_ids, gold, is_thought_open, **_) -> list[float | None]:
        rows = zip(prompts, completion_ids, gold, is_thought_open, strict=True)
        return [grade(prompt, decode(ids), known, is_thought_open=is_open) for prompt, ids, known, is_open in rows]

    graded.__name__ = name
    return graded
