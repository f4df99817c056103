"""The files beside the weights: tokenizer, chat template, generation settings, licence. Writes no weights, no config.

Stock tools are made to read `tokenizer.json` as it stands, although `config.json` says qwen2: transformers 5 takes
`Qwen2Tokenizer` for every model of type qwen2, whatever `tokenizer_class` says, and rebuilds the tokenizer with Qwen2's own
normalizer: ids differ without a word. An `auto_map` in `tokenizer_config.json` is what turns that off; no code is loaded
unless somebody asks for it with `trust_remote_code=True`, and for those a file lies there that says the same thing. (Seen in
transformers 5.23, `AutoTokenizer.from_pretrained`; the proof compares ids with stock classes.)
"""

import json
import shutil
from pathlib import Path

from zhinao.export import target
from zhinao.family import CHAT_TEMPLATE, Release
from zhinao.files import write_json
from zhinao.model import defaults, tokenizer_folder
from zhinao.model.tokenizer import Tokenizer

_FRAME = ("<|im_start|>", "<|im_end|>")
_LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*")
_MODULE, _CLASS = "tokenization_standard", "StandardTokenizer"
_CODE = f'''"""Reads tokenizer.json as it stands. Used only where somebody asks for remote code; without that the effect is the same."""

from transformers import PreTrainedTokenizerFast


class {_CLASS}(PreTrainedTokenizerFast):
    pass
'''


def has_tokenizer(folder: Path) -> bool:
    """Whether there is any tokenizer, readable or not: what is there and cannot be read must not be left out silently."""
    names = (tokenizer_folder.FILE, "tokenizer.model")
    return any((folder / name).exists() for name in names) or bool(tokenizer_folder.find_vocabulary(folder))


def write(source: Path, folder: Path, to: str, release: Release | None) -> tuple[int, ...]:
    """Everything beside weights, config and card. Returns the stop tokens' ids (none without a tokenizer)."""
    for pattern in _LICENCES:
        for file in source.glob(pattern):
            if file.is_file():
                shutil.copyfile(file, folder / file.name)
    if not has_tokenizer(source):
        raw = target.generation_config(source, (), None, {})
        if raw:
            write_json(folder / "generation_config.json", raw)
        return ()
    tokenizer = Tokenizer.load(source)
    tokenizer.save(folder)
    _write_template(tokenizer, folder)
    _for_stock_tools(folder, to)
    known = defaults.read(source, tokenizer, release)
    settings = target.generation_config(source, known.stop_ids, tokenizer.pad_id, known.sampling)
    write_json(folder / "generation_config.json", settings)
    return tuple(known.stop_ids)


def _write_template(tokenizer: Tokenizer, folder: Path) -> None:
    """The checkpoint's own template, else ChatML where the tokenizer has its frame. In both places that tools look."""
    template = tokenizer.chat_template
    if not template and all(token in tokenizer.control_tokens for token in _FRAME):
        template = CHAT_TEMPLATE
    if template:
        tokenizer_folder.write_chat_templates(folder, template, tokenizer.named_templates)


def _for_stock_tools(folder: Path, to: str) -> None:
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
