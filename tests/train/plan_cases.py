"""A model small enough to be added up by hand, and settings as `zhinao plan` gets them."""

from pathlib import Path

from zhinao.model import architecture
from zhinao.plan.devices import Device
from zhinao.train.net import sizes
from zhinao.train.settings.settings import TrainSettings

TINY = {
    "model_type": "qwen2",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 10,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
}
# Large enough that a process of 550 MB does not hide what training takes.
SMALL = {
    **TINY,
    "hidden_size": 384,
    "intermediate_size": 1024,
    "num_hidden_layers": 8,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "vocab_size": 16000,
    "max_position_embeddings": 4096,
}


def model(config: dict) -> sizes.Sizes:
    return sizes.of(architecture.from_config(config, Path("config.json")))


def settings(**changes) -> TrainSettings:
    given = {"data_path": ("data.jsonl",), "model_name_or_path": "7b", "output_dir": "out", "bf16": True}
    return TrainSettings(**{**given, **changes})


def device(gib: float = 80.0, name: str = "card") -> Device:
    return Device(name, name, int(gib * 2**30), 100, 1e12, 1e11, 0.5, ("made up", "虚构"))
