"""Rollouts that are given instead of drawn, a trainer on them, and GRPO's loss written out plainly. For the tests of reinforcement learning."""

import torch

END, PAD = 299, 298


class Given:
    """Completions from a list, batch by batch, with log-probabilities of the model as it is then."""

    is_foreign = False

    def __init__(self, batches, error: float = 0.0):
        self.batches, self.error = list(batches), error

    def generate(self, trainer, prompt_ids):
        rows = self.batches.pop(0)
        with torch.no_grad():
            values = [
                (log_probs(trainer.accelerator.unwrap_model(trainer.model), one, row) + self.error).tolist()
                for one, row in zip(prompt_ids, rows, strict=True)
            ]
        return [list(row) for row in rows], values


def log_probs(model, prompt: list[int], completion: list[int], temperature: float = 1.0) -> torch.Tensor:
    ids = torch.tensor([[*prompt, *completion]])
    logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].float() / temperature
    return logits.log_softmax(-1).gather(1, torch.tensor(completion)[:, None])[:, 0]


def by_length(prompt, completion, gold, *, is_thought_open=False):
    return float(gold) * len(completion)


def load(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def make_trainer(folder, output_dir, prompts, rollouts, *, reference=None, beta=0.0, rewards=None, **arguments):
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import GRPOConfig

    from zhinao.train.loop.reinforce_trainer import ReinforceTrainer

    given = {
        "output_dir": str(output_dir), "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "max_completion_length": 6,
        "remove_unused_columns": False, "learning_rate": 0.1, "lr_scheduler_type": "constant", "logging_steps": 1, "optim": "sgd",
        "save_strategy": "no", "report_to": [], "disable_tqdm": True, "per_device_train_batch_size": 4, "num_generations": 2,
        "max_grad_norm": 1e9, "beta": 0.0, "max_steps": 1, "shuffle_dataset": False,
    }  # fmt: skip
    rows = [{"prompt": str(ids), "prompt_ids": ids, "gold": gold, "is_thought_open": False} for ids, gold in prompts]
    return ReinforceTrainer(
        model=load(folder),
        ref_model=reference,
        beta=beta,
        args=GRPOConfig(**(given | arguments)),
        processing_class=AutoTokenizer.from_pretrained(folder),
        train_dataset=Dataset.from_list(rows),
        rewards=rewards or {"by_length": by_length},
        decode=lambda ids: "x" * len(ids),
        end_ids=(END,),
        pad_id=PAD,
        rollouts=rollouts,
    )


def plain_loss(model, rows, advantages, kind, *, old=None, reference=None, beta=0.0, low=0.2, high=0.2, most=6):
    """rows: (prompt, completion). Arithmetic of DeepSeekMath (arXiv 2402.03300), DAPO (2503.14476) and Dr. GRPO (2503.20783)."""
    losses = []
    for place, (prompt, completion) in enumerate(rows):
        new = log_probs(model, prompt, completion)
        ratio = torch.exp(new - (new.detach() if old is None else old[place]))
        clipped = ratio.clamp(1 - low, 1 + high)
        loss = -torch.minimum(ratio * advantages[place], clipped * advantages[place])
        if beta:
            with torch.no_grad():
                known = log_probs(reference, prompt, completion)
            loss = loss + beta * ratio * (torch.exp(known - new) - (known - new) - 1)  # DeepSeek-V3.2, 2512.02556
        losses.append(loss)
    total, num_tokens = sum(one.sum() for one in losses), sum(len(one) for one in losses)
    if kind == "grpo":
        return sum(one.mean() for one in losses) / len(losses)
    return total / (len(losses) * most if kind == "dr_grpo" else num_tokens)
