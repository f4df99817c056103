"""Whether a checkpoint is this user's own: signed when it was saved, with a key that lies in the user's home and nowhere else.

DeepSpeed opens its checkpoints as pickles, which may run any code; everything else that a run goes on from is read without.
The signature holds wherever the folder is moved to. Weights (safetensors) are left out: reading them runs nothing.
"""

import hashlib
import hmac
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from zhinao import files, foreign
from zhinao.errors import UsageError
from zhinao.lang import tr

FILE = "signature.json"
_KEY = "checkpoint.key"


def write(folder: Path) -> None:
    """Sign the checkpoint in `folder`, which is whole but for this. Raises DiskError."""
    files.write_json(folder / FILE, {"hmac": _signature(folder, _key())})


def check(folder: Path) -> None:
    """Raises UsageError for a checkpoint that somebody else has saved, or changed since."""
    try:
        kept = foreign.read_json(folder / FILE, 2**16)["hmac"]
        is_ours = hmac.compare_digest(kept.encode(), _signature(folder, _key()).encode())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        is_ours = False
    if not is_ours:
        raise UsageError(
            tr(
                f"{folder} was not saved by you on this machine, or has been changed since. DeepSpeed opens checkpoints as "
                "pickles, which can run any code.",
                f"{folder} 不是由您在本机保存的，或之后被改动过。DeepSpeed 以 pickle 方式打开检查点，可能执行任意代码。",
            ),
            tr(
                "if you trust whoever made it: --trust_checkpoint True",
                "若信任其来源，请加 --trust_checkpoint True",
            ),
        )


def _signature(folder: Path, key: bytes) -> str:
    """Over names and contents of all files but the weights. A link counts as what it leads to, which is what is opened."""
    found = sorted(file for file in folder.rglob("*") if file.is_file() and _is_signed(folder, file))
    with ThreadPoolExecutor(min(8, len(found) or 1)) as pool:
        hashes = list(pool.map(files.sha256, found))
    listed = [[file.relative_to(folder).as_posix(), one] for file, one in zip(found, hashes, strict=True)]
    return hmac.new(key, json.dumps(listed).encode(), hashlib.sha256).hexdigest()


def _is_signed(folder: Path, file: Path) -> bool:
    return file.suffix != ".safetensors" and file != folder / FILE


def _key() -> bytes:
    """Made when it is first asked for; nobody else may read it."""
    place = files.home() / _KEY
    try:
        return place.read_bytes()
    except FileNotFoundError:
        place.parent.mkdir(parents=True, exist_ok=True)
    with files.lock(place.with_suffix(".lock")):
        if not place.exists():
            made = place.with_suffix(f".{os.getpid()}")
            descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(32))
            made.replace(place)
    return place.read_bytes()
