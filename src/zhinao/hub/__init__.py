"""Where weights come from. `resolve(MODEL)` gives a checked checkpoint folder.

MODEL is a folder, a GGUF file, a short name of `family.py`, or a hub id; models are kept in `files.home()/models`.
Loads nothing into memory and runs nothing.
"""

from zhinao.hub.locate import LocalModel, resolve, resolve_tokenizer

__all__ = ["LocalModel", "resolve", "resolve_tokenizer"]
