"""A tiny model in the family's own form: fused layout, a small vocabulary with the family's control tokens, random weights."""

import base64
import json
import re
from pathlib import Path

import numpy as np

from zhinao.files import write_json
from zhinao.model import architecture
from zhinao.model.checkpoint import ShardWriter
from zhinao.reason.problems import texts

SIZES = {
    "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}  # fmt: skip
# ChatML without a default system message, which such a model would only have to read
_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_NUM_CONTROL = 11  # of the family, behind the ranks
_THINKING = ("<think>", "</think>")
_WORD = re.compile(r"[^\r\n\w]?[A-Za-z]+")
_FAR = re.compile(r"[\u2000-\uffff]|[^\x00-\x7f]")


def make(folder: Path, seed: int) -> Path:
    """Write the model. Raises DiskError."""
    folder.mkdir(parents=True, exist_ok=True)
    ranks = _ranks()
    _write_tokenizer(folder, ranks)
    raw = {
        "model_type": "zhinao", "architectures": ["ZhinaoForCausalLM"], "hidden_act": "silu", "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "rope_scaling": None, "tie_word_embeddings": False, "torch_dtype": "float32",
        "vocab_size": len(ranks) + _NUM_CONTROL + len(_THINKING), **SIZES,
    }  # fmt: skip
    write_json(folder / "config.json", raw)
    shapes = architecture.from_config(raw, folder / "config.json").tensor_shapes(True)
    writer = ShardWriter(folder, [(name, "F32", shape) for name, shape in shapes.items()])
    draw = np.random.default_rng(seed)
    for name, shape in shapes.items():
        writer.write(name, _initial(name, shape, draw))
    writer.finish()
    return folder


def _initial(name: str, shape: tuple[int, ...], draw) -> np.ndarray:
    if "norm" in name:
        return np.ones(shape, np.float32)
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    return (draw.standard_normal(shape) * shape[-1] ** -0.5).astype(np.float32)


def _write_tokenizer(folder: Path, ranks: dict[bytes, int]) -> None:
    lines = (base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())
    file = folder / "vocab" / "360.tiktoken"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"".join(lines))
    first = len(ranks) + _NUM_CONTROL
    config = {
        "tokenizer_class": "ZhinaoTokenizer",
        "eos_token": "<|im_end|>",
        "pad_token": "<pad>",
        "model_max_length": SIZES["max_position_embeddings"],
        "added_tokens_decoder": {
            str(first + place): {"content": text, "special": False} for place, text in enumerate(_THINKING)
        },
        "chat_template": _TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")


def _ranks() -> dict[bytes, int]:
    """The 256 bytes, then the beginnings of each Chinese character and of each English word, so that both are tokens."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    whole = "\n".join(["system", "user", "assistant", *texts()])
    for word in [*sorted(set(_FAR.findall(whole))), *sorted(set(_WORD.findall(whole)))]:
        raw = word.encode()
        for end in range(2, len(raw) + 1):
            ranks.setdefault(raw[:end], len(ranks))
    return ranks
