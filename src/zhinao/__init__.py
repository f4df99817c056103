"""360Zhinao3 as software: `zhinao.load("7b-instruct").chat([...])`.

Importing this package loads nothing heavy. Once transformers is imported (before or after), its Auto classes know
Zhinao's configuration, model and tokenizer.
"""

from zhinao.model.register import register_when_imported
from zhinao.version import __version__

__all__ = ["Model", "Reply", "Score", "ZhinaoError", "__version__", "load"]

TYPE_CHECKING = False  # for type checkers it is true; `typing` takes time to import
if TYPE_CHECKING:
    from zhinao.api import Model, Reply, Score, load
    from zhinao.errors import ZhinaoError


def __getattr__(name: str):
    if name == "ZhinaoError":
        from zhinao.errors import ZhinaoError

        return ZhinaoError
    if name in __all__:
        from zhinao import api

        return getattr(api, name)
    raise AttributeError(f"module 'zhinao' has no attribute {name!r}")


register_when_imported()
