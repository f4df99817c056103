"""What belongs to a trained model besides its weights: tokenizer, the template it was trained with, where answers end."""

import shutil
from pathlib import Path

from zhinao.family import CHAT_TEMPLATE
from zhinao.files import write_json
from zhinao.model import defaults
from zhinao.model.tokenizer import Tokenizer
from zhinao.model.tokenizer_folder import read_json, write_chat_templates

_FRAME = ("<|im_start|>", "<|im_end|>")


def write(source: Path, tokenizer: Tokenizer, folder: Path) -> None:
    """Into `folder`, so that it can be chatted with and served as it is; `source` is the folder that training began with."""
    tokenizer.save(folder)
    if template := tokenizer.chat_template or _chatml(tokenizer):
        write_chat_templates(folder, template, tokenizer.named_templates)
    stop = defaults.read(source, tokenizer).stop_ids
    settings = {**read_json(source / defaults.FILE), "eos_token_id": list(stop)}
    if tokenizer.pad_id is not None:
        settings["pad_token_id"] = tokenizer.pad_id
    write_json(folder / defaults.FILE, settings)
    for pattern in ("LICENSE*", "LICENCE*", "NOTICE*"):
        for file in source.glob(pattern):
            shutil.copyfile(file, folder / file.name)


def _chatml(tokenizer: Tokenizer) -> str | None:
    """A tokenizer without a template was trained in ChatML, where it has its tokens."""
    return CHAT_TEMPLATE if all(token in tokenizer.control_tokens for token in _FRAME) else None
