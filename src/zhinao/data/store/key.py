"""What encoded data depends on, as one digest: a kept cache is taken only where nothing of it has changed."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import tokenizers

import zhinao
from zhinao import files
from zhinao.data.read.stdin import path_of

# Whatever of the package decides about ids and weights.
_CODE = ("data/**/*.py", "data/encode/pairs.py", "prompt/*.py", "model/*token*.py", "family.py")
_TOKENIZER = ("tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "**/*.jinja", "**/*.tiktoken")


def digest(data_files: Sequence[str], tokenizer_folder: Path, choices: dict) -> str:
    """Hex. `choices` must be JSON values. Reads every file to its end: a change that keeps size and date is seen too."""
    parts = {
        "data": [[name, files.sha256(path_of(name))] for name in data_files],
        "tokenizer": _contents(tokenizer_folder, _TOKENIZER),
        "choices": choices,
        "code": _contents(Path(zhinao.__file__).parent, _CODE),
        "tokenizers": tokenizers.__version__,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _contents(folder: Path, patterns: Sequence[str]) -> list[list[str]]:
    found = sorted({file for pattern in patterns for file in folder.glob(pattern)})
    return [[str(file.relative_to(folder)), files.sha256(file)] for file in found]
