"""What encoded data depends on, as one digest: a kept cache is taken only where nothing of it has changed.

Of the package that is the code which `make.py` names, on whatever way, in the rooms that decide about ids and weights. It is
found by reading the files, so that none can be forgotten; what only looks at data (`view/`, `check/` …) does not count.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import tokenizers

from zhinao import files
from zhinao.data.read.sources import path_of
from zhinao.model.tokenizer_folder import ADDITIONAL

_ENCODING = "zhinao.data.store.make"
_ROOMS = ("data", "prompt", "model", "family")  # the others say sentences and keep files
_NAMED = re.compile(r"\bfrom (zhinao[\w.]*) import (\([^)]*\)|.*)|\b(zhinao(?:\.\w+)+)")
# Of the model's folder, not of what lies deeper in it: a run may keep its checkpoints there.
_TOKENIZER = (
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "*.jinja", f"{ADDITIONAL}/*.jinja", "*.tiktoken", "vocab/*.tiktoken",
)  # fmt: skip


def digest(data_files: Sequence[str], tokenizer_folder: Path, choices: dict) -> str:
    """Hex. `choices` must be JSON values. Reads every file to its end: a change that keeps size and date is seen too."""
    package = Path(files.__file__).parent
    parts = {
        "data": [[name, files.sha256(path_of(name))] for name in data_files],
        "tokenizer": _contents(
            tokenizer_folder, {file for pattern in _TOKENIZER for file in tokenizer_folder.glob(pattern)}
        ),
        "choices": choices,
        "code": _contents(package, code(package)),
        "tokenizers": tokenizers.__version__,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def code(package: Path) -> set[Path]:
    """The files of the package that decide about ids and weights."""
    found: set[Path] = set()
    waiting = [_ENCODING]
    while waiting:
        file = _file(package, waiting.pop())
        if file and file not in found:
            found.add(file)
            waiting += _named(file)
    return found


def _file(package: Path, module: str) -> Path | None:
    """None for what is no module of these rooms: a name in one, or somebody else's."""
    root, *names = module.split(".")
    if root != "zhinao" or not names or names[0] not in _ROOMS or names[-1] == "words":  # headings in Chinese
        return None
    path = package.joinpath(*names)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _named(file: Path) -> Iterator[str]:
    """Modules, and names that may be modules, that a file imports or names in a text (a process of its own is started so)."""
    for module, names, dotted in _NAMED.findall(file.read_text(encoding="utf-8")):
        yield module or dotted
        yield from (f"{module}.{name}" for name in re.findall(r"\w+", names))


def _contents(folder: Path, found: set[Path]) -> list[list[str]]:
    return [[str(file.relative_to(folder)), files.sha256(file)] for file in sorted(found)]
