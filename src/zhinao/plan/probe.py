"""Three steps on one batch, in a process of its own: what they really take. `python -m zhinao.plan.probe < JOB.json`.

JOB: `settings` (fields of TrainSettings), `folder` (a checkpoint, or null: `config` and random weights), `documents`: ids and
weights of the batch. Writes one line of JSON on stdout. Saves nothing, evaluates nothing, reports nowhere.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from zhinao.train.monitor import memory

NUM_STEPS = 3
_TINY = {
    "model_type": "qwen2",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 64,
}


def main() -> None:
    job = json.load(sys.stdin)
    print(json.dumps(_run(job) if job else {"baseline_bytes": _baseline()}))


def _baseline() -> int:
    """What a process has in memory that trains next to nothing: its packages, and what they load when first used."""
    settings = {"use_cpu": True, "bf16": True, "gradient_checkpointing": False}
    ids = list(range(64))
    return _run({"settings": settings, "folder": None, "config": _TINY, "documents": [(ids, [1.0] * 64)]})["peak_bytes"]


def _run(job: dict) -> dict:
    import torch

    import zhinao.train.loop.finish
    import zhinao.train.loop.selftest
    import zhinao.train.monitor.install  # noqa: F401  a run imports them
    from zhinao.model.register import register_models
    from zhinao.train.loop import training_arguments
    from zhinao.train.loop.trainer import Packs
    from zhinao.train.settings.settings import TrainSettings

    register_models()
    with tempfile.TemporaryDirectory() as work:
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in job["settings"].items()}
        settings, _ = training_arguments.decided(TrainSettings(**{**given, "output_dir": work}))
        documents = [_document(one) for one in job["documents"]]
        net = _model(job, settings)
        loaded = memory.resident()
        args = training_arguments.of(settings, False)
        num_batches = NUM_STEPS * settings.gradient_accumulation_steps
        packs = Packs(documents, [list(range(len(documents)))] * num_batches)
        seconds = _train(net, args, packs)
    peak = torch.cuda.max_memory_reserved() if torch.cuda.is_available() and not settings.use_cpu else memory.resident()
    return {"loaded_bytes": loaded, "peak_bytes": peak, "seconds": seconds,
            "num_tokens": sum(len(one.ids) for one in documents) * settings.gradient_accumulation_steps}  # fmt: skip


def _document(ids_and_weights: list):
    import numpy as np

    from zhinao.data.encode.encoding import Encoded
    from zhinao.data.sample import Place

    ids, weights = ids_and_weights
    return Encoded(np.array(ids, np.int32), np.array(weights, np.float32), Place("", None, 1))


def _model(job: dict, settings):
    from zhinao.model import architecture
    from zhinao.train.net import load as models

    if job["folder"]:
        from zhinao.model.tokenizer import Tokenizer

        return models.load(settings, Path(job["folder"]), Tokenizer.load(Path(job["folder"])))
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**job["config"])
    net = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return models.ready(net, settings, architecture.from_config(job["config"], Path("config.json")).dtype)


def _train(net, args, packs) -> list[float]:
    """Seconds of each step; the first has the optimizer's state to make."""
    from transformers import TrainerCallback

    from zhinao.train.loop.trainer import ZhinaoTrainer

    class Clock(TrainerCallback):
        def __init__(self):
            self.times = []

        def on_step_begin(self, *_, **__):
            self.times.append(time.perf_counter())

        on_train_end = on_step_begin

    clock = Clock()
    args.save_strategy, args.max_steps = "no", NUM_STEPS
    trainer = ZhinaoTrainer(net, args, train=packs, callbacks=[clock])
    trainer.train()
    return [after - before for before, after in zip(clock.times, clock.times[1:], strict=False)]


if __name__ == "__main__":
    main()
