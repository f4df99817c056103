"""A tiny model folder, hand-made pairs, and a trainer on them. For the tests of preference tuning."""

import random
from pathlib import Path

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer


def make_model(folder: Path, seed: int = 0) -> Path:
    return make_tokenizer(make_checkpoint(folder, seed=seed))


def load(folder: Path):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def make_pairs(number: int, seed: int = 1) -> list[dict]:
    """Random ids of different lengths, none of them the padding's."""
    draw = random.Random(seed)

    def ids(least: int) -> list[int]:
        return [draw.randrange(256) for _ in range(least + draw.randrange(9))]

    return [{"prompt_ids": ids(3), "chosen_ids": ids(2), "rejected_ids": ids(2)} for _ in range(number)]


def make_trainer(folder: Path, pairs: list[dict], *, model=None, reference=None, evaluation=None, **arguments):
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import DPOConfig

    from zhinao.train.loop.prefer_trainer import PreferTrainer

    given = {
        "output_dir": str(folder / "out"), "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "max_length": None,
        "remove_unused_columns": False, "learning_rate": 1e-3, "lr_scheduler_type": "constant", "logging_steps": 1,
        "save_strategy": "no", "report_to": [], "disable_tqdm": True, "per_device_train_batch_size": 2,
    }  # fmt: skip
    return PreferTrainer(
        model=model or load(folder),
        ref_model=reference,
        args=DPOConfig(**(given | arguments)),
        processing_class=AutoTokenizer.from_pretrained(folder),
        train_dataset=Dataset.from_list(pairs),
        eval_dataset=Dataset.from_list(evaluation) if evaluation else None,
    )


def losses(trainer) -> list[float]:
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def column(trainer, name: str) -> list[float]:
    return [line[name] for line in trainer.state.log_history if name in line]
