"""The files beside the weights: tokenizer, chat template, generation settings, licence. Writes no weights, no config."""

import shutil
from pathlib import Path

from zhinao.export import stock_tokenizer, target
from zhinao.family import CHAT_TEMPLATE, Release
from zhinao.files import write_json
from zhinao.model import defaults, tokenizer_folder
from zhinao.model.tokenizer import Tokenizer

_FRAME = ("<|im_start|>", "<|im_end|>")
_LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*")


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
    stock_tokenizer.write(folder, to)
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
