"""360Zhinao3 as software: `zhinao.load("7b-instruct").chat([...])`.

Importing this package loads nothing heavy. Once transformers is imported (before or after), its Auto classes know
Zhinao's configuration, model and tokenizer.
"""

from zhinao.model.register import register_when_imported
from zhinao.version import __version__

__all__ = ["ZhinaoError", "__version__", "load"]


def __getattr__(name: str):
    if name == "load":
        from zhinao.api import load

        return load
    if name == "ZhinaoError":
        from zhinao.errors import ZhinaoError

        return ZhinaoError
    raise AttributeError(f"module 'zhinao' has no attribute {name!r}")


register_when_imported()
