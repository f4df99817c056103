"""Where the numbers of a run come from: the code's version and commit, and the libraries."""

import subprocess
from pathlib import Path

from zhinao import machine
from zhinao.version import __version__

PACKAGES = ("torch", "transformers", "accelerate", "trl", "peft", "deepspeed", "tokenizers", "safetensors", "numpy")


def code() -> dict:
    """`version` of the package; in a git checkout also `commit` and whether the working tree `is_modified`."""
    found = {"version": __version__}
    root = Path(__file__).parents[4]
    if (root / ".git").exists() and (commit := _git(root, "rev-parse", "HEAD")):
        found |= {"commit": commit, "is_modified": bool(_git(root, "status", "--porcelain", "--", "src"))}
    return found


def versions() -> dict[str, str]:
    """The installed ones of `PACKAGES`, and their versions."""
    return {name: version for name in PACKAGES if (version := machine.version(name))}


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):  # no git here
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
