"""What a run should do, written plainly: documents one by one through transformers' own model and loss, torch's AdamW.

    python -m tests.train.plain_loop MODEL_FOLDER DATA OUTPUT.json

writes the losses of 30 steps, which `test_run.py::test_trajectory` keeps the trainer to. Shares with the trainer how documents are
encoded, packed and ordered; attention, loss, accumulation and schedule are its own.
"""

import json
import math
import sys
from pathlib import Path

import torch

from zhinao.train.loop.trainer import EpochSampler, Packs
from zhinao.train.method import rows as documents
from zhinao.train.settings.settings import TrainSettings

STEPS = 30
HOW = {
    "max_steps": STEPS,
    "per_device_train_batch_size": 4,
    "is_concat": True,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
}


def learning_rate(step: int, settings: TrainSettings) -> float:
    warmup = math.ceil(settings.max_steps * settings.warmup_ratio)
    if step < warmup:
        return settings.learning_rate * step / warmup
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (settings.max_steps - warmup)))


def batches(packs: Packs, settings: TrainSettings):
    sampler = EpochSampler(packs, settings.seed)
    while True:
        order = list(sampler)
        for start in range(0, len(order), settings.per_device_train_batch_size):
            yield [
                document
                for row in order[start : start + settings.per_device_train_batch_size]
                for document in packs[row]
            ]
        sampler.epoch += 1


def losses(settings: TrainSettings) -> list[float]:
    import transformers

    torch.manual_seed(settings.seed)
    folder = Path(settings.model_name_or_path)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).train()
    rows = documents.prepare(settings, folder).train
    decayed = [p for name, p in model.named_parameters() if "norm" not in name and "bias" not in name]
    other = [p for name, p in model.named_parameters() if "norm" in name or "bias" in name]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": other, "weight_decay": 0.0}],
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_epsilon,
    )
    found = []
    source = batches(Packs(rows.documents, rows.rows, settings.per_device_train_batch_size), settings)
    for step in range(settings.max_steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, settings)
        batch = next(source)
        total = sum(float(document.weights.sum()) for document in batch)
        loss = 0.0
        for document in batch:
            ids = torch.from_numpy(document.ids.astype("int64"))
            log_probs = model(input_ids=ids[None]).logits[0, :-1].log_softmax(-1)
            nll = -log_probs.gather(1, ids[1:, None]).squeeze(1)
            part = (nll * torch.from_numpy(document.weights[1:])).sum() / total
            part.backward()
            loss += part.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        found.append(loss)
    return found


if __name__ == "__main__":
    model, data, output = sys.argv[1:]
    settings = TrainSettings(
        model_name_or_path=model,
        data_path=(data,),
        model_max_length=256,
        learning_rate=1e-3,
        output_dir="unused",
        **HOW,
    )
    Path(output).write_text(json.dumps([round(loss, 6) for loss in losses(settings)], indent=0) + "\n")
