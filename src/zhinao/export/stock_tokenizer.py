"""Makes stock tools read `tokenizer.json` as it stands, although `config.json` says qwen2.

transformers 5 takes `Qwen2Tokenizer` for every model of type qwen2, whatever `tokenizer_class` says, and rebuilds the
tokenizer with Qwen2's own normalizer: ids differ without a word. An `auto_map` in `tokenizer_config.json` is what turns
that off; no code is loaded unless somebody asks for it with `trust_remote_code=True`, and for those a file lies there that
says the same thing. (Seen in transformers 5.23, `AutoTokenizer.from_pretrained`; the proof compares ids with stock classes.)
"""

import json
from pathlib import Path

from zhinao.files import write_json

_MODULE, _CLASS = "tokenization_standard", "StandardTokenizer"
_CODE = f'''"""Reads tokenizer.json as it stands. Used only where somebody asks for remote code; without that the effect is the same."""

from transformers import PreTrainedTokenizerFast


class {_CLASS}(PreTrainedTokenizerFast):
    pass
'''


def write(folder: Path, to: str) -> None:
    """Adjust the saved `tokenizer_config.json` of a converted checkpoint for stock tools."""
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    # transformers 4 would hand token_type_ids to a model that has none.
    config.setdefault("model_input_names", ["input_ids", "attention_mask"])
    saved = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    if to == "qwen2" and not _is_rebuilt_alike(saved):
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
        config["auto_map"] = {"AutoTokenizer": [None, f"{_MODULE}.{_CLASS}"]}
        (folder / f"{_MODULE}.py").write_text(_CODE, encoding="utf-8")
    write_json(file, config)


def _is_rebuilt_alike(saved: dict) -> bool:
    """Whether `Qwen2Tokenizer` builds the same steps: NFC, split by its pattern, bytes; merges before whole words."""
    steps = (saved.get("pre_tokenizer") or {}).get("pretokenizers") or []
    return (
        saved.get("normalizer") == {"type": "NFC"}
        and (saved.get("decoder") or {}).get("type") == "ByteLevel"
        and [step["type"] for step in steps] == ["Split", "ByteLevel"]
        and steps[0]["pattern"].get("Regex", "").endswith(r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
        and not saved["model"].get("ignore_merges")
    )
