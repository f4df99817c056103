"""Whether the network may be used."""

import os

from zhinao.errors import DownloadError
from zhinao.lang import tr

# ours, and those that huggingface_hub and transformers know
_KEYS = ("ZHINAO_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def is_offline(asked: bool = False) -> bool:
    """True where `--offline` was given or the environment says so."""
    return asked or any(os.environ.get(key, "").lower() in ("1", "true", "yes", "on") for key in _KEYS)


def not_here(name: str) -> DownloadError:
    return DownloadError(
        tr(f"{name} is not kept here, and offline nothing is fetched.", f"本机没有 {name}，离线模式下不会下载。"),
        tr(f"zhinao pull {name}, once with a network", f"联网时运行一次：zhinao pull {name}"),
    )
