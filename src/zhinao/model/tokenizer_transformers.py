"""The family's tokenizer as a class of transformers, for its Auto classes, trainers and everything built on them.

The work is done by the same `tokenizers.Tokenizer` as in `tokenizer.py`; this only finds the files. Saving writes a
standard tokenizer.json that plain `PreTrainedTokenizerFast` loads, with the same ids.
"""

import json
import os
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from zhinao.files import write_json
from zhinao.model import tokenizer_folder
from zhinao.model.tokenizer import mend_surrogates

_LOADING = ("auto_map", "backend", "is_local", "local_files_only", "extra_special_tokens")


class ZhinaoTokenizer(PreTrainedTokenizerFast):
    """`from_pretrained(folder)` reads tokenizer.json, or a published checkpoint's `vocab/360.tiktoken`.

    Pads on the left with `<pad>`, ends at `<eod>`, has no BOS. Control tokens in text become control tokens, as in
    upstream; with `split_special_tokens=True` those that are marked special stay plain text.
    """

    vocab_files_names = {"vocab_file": "vocab/360.tiktoken", "tokenizer_file": tokenizer_folder.FILE}  # noqa: RUF012
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012
    padding_side = "left"

    @classmethod
    def convert_to_native_format(cls, trust_remote_code: bool = False, **kwargs):
        """transformers' step between the files and `__init__`. Raises CheckpointError for a damaged vocabulary."""
        vocabulary, saved = kwargs.pop("vocab_file", None), kwargs.get("tokenizer_file")
        for key in ("eos_token", "pad_token", "padding_side", "clean_up_tokenization_spaces"):
            kwargs.setdefault(key, tokenizer_folder.FAMILY_CONFIG[key])
        if vocabulary is None or (saved and os.path.isfile(saved)):
            return super().convert_to_native_format(trust_remote_code=trust_remote_code, **kwargs)
        file = Path(vocabulary)
        folder = file.parent.parent if file.parent.name == "vocab" else file.parent
        backend = tokenizer_folder.from_vocabulary(file, folder, tokenizer_folder.read_config(folder))
        kwargs["tokenizer_object"] = backend
        kwargs["extra_special_tokens"] = tokenizer_folder.other_special_tokens(backend, kwargs)
        kwargs.pop("added_tokens_decoder", None)  # they are in the backend, with the flags that count
        return kwargs

    def _encode_plus(self, text, text_pair=None, **kwargs):
        return super()._encode_plus(_mended(text), _mended(text_pair), **kwargs)  # pyright: ignore[reportArgumentType]

    def _save_pretrained(self, save_directory, file_names, *args, **kwargs):
        """Called when tokenizer_config.json is written and before anything is uploaded."""
        file = Path(file_names[0])
        config = json.loads(file.read_text(encoding="utf-8"))
        others = config.get("extra_special_tokens")
        config = {key: value for key, value in config.items() if key not in _LOADING}
        # The names that transformers before 5 understands, too.
        write_json(file, config | {"tokenizer_class": "PreTrainedTokenizerFast", "additional_special_tokens": others})
        return super()._save_pretrained(save_directory, file_names, *args, **kwargs)


def _mended(text):
    """Strings inside lists and tuples, with surrogates treated as tiktoken does."""
    if isinstance(text, list | tuple):
        return type(text)(map(_mended, text))
    if isinstance(text, str) and not text.isascii():
        return mend_surrogates(text)
    return text
