"""The folder of kept models: `home()/models/<name>/`, each whole or absent.

A model is made in a hidden folder with a fixed name (so that it can be continued), checked, and renamed. Knows no source.
"""

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zhinao import files, foreign
from zhinao.errors import CheckpointError, DiskError
from zhinao.lang import tr
from zhinao.oserrors import reason

ORIGIN = "zhinao-origin.json"  # in each kept model: where it came from, its files with size and hash
_STAGING = ".download"
_BEGUN = "zhinao-small-files"  # in an unfinished folder: everything but the weights is here; the fetching of those removes it


@dataclass(frozen=True)
class Kept:
    """One kept (or half fetched) model. `origin` is the content of its ORIGIN file."""

    name: str
    path: Path
    num_bytes: int
    origin: dict
    is_whole: bool


def root() -> Path:
    return files.home() / "models"


def path(name: str) -> Path:
    """The place of a model; `name` is a short name or a hub id (whose slash becomes two dashes)."""
    return root() / name.replace("/", "--")


def staging(name: str) -> Path:
    target = path(name)
    return target.with_name(f".{target.name}{_STAGING}")


def is_kept(name: str) -> bool:
    return path(name).is_dir()


def origin(folder: Path) -> dict:
    """`{}` where nobody knows; a folder that was handed over may hold anything under that name."""
    try:
        found = foreign.read_json(folder / ORIGIN)
    except (OSError, ValueError):
        return {}
    is_ours = isinstance(found, dict) and isinstance(found.get("name", ""), str)
    return found if is_ours and isinstance(found.get("files", {}), dict) else {}


def obtain(name: str, make: Callable[[Path], dict]) -> Path:
    """The folder of `name`. Where it is absent, `make(staging)` fills it and returns its origin; then it is published.

    A second process waits for the first and finds its work. What an interrupted `make` leaves is kept for the next
    try; what turns out to be no good checkpoint is thrown away.
    """
    target = path(name)
    if target.is_dir():
        return target
    with _lock(name):
        if not target.is_dir():
            _make(name, make)
    return target


def is_begun(name: str) -> bool:
    """Whether all that is not weights stands in the unfinished folder of `name`."""
    return (staging(name) / _BEGUN).exists()


def begin(name: str, make: Callable[[Path], dict]) -> None:
    """Let `make(staging)` bring what is not weights. `obtain` goes on with it."""
    work = staging(name)
    with _lock(name):
        try:
            work.mkdir(parents=True, exist_ok=True)
            make(work)
            (work / _BEGUN).touch()
        except OSError as error:
            raise _unwritable(work, error) from None
        finally:
            if work.is_dir() and not any(work.iterdir()):
                work.rmdir()


def _make(name: str, make: Callable[[Path], dict]) -> None:
    from zhinao.model.checkpoint import Checkpoint

    work = staging(name)
    work.mkdir(parents=True, exist_ok=True)
    try:
        came_from = make(work)
        Checkpoint(work)
    except CheckpointError:
        shutil.rmtree(work, ignore_errors=True)
        raise
    except OSError as error:
        raise _unwritable(work, error) from None
    finally:
        if work.is_dir() and not any(work.iterdir()):
            work.rmdir()
    listed = _hashes(work, came_from.pop("files", {}))
    files.write_json(work / ORIGIN, {"name": name, **came_from, "files": listed})
    work.rename(path(name))


def _hashes(folder: Path, known: dict[str, list]) -> dict[str, list]:
    """Name -> [size, sha256] of every file; `known` ones were checked as they came and are not read again."""
    listed = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name != ORIGIN:
            size, digest = known.get(name) or (None, None)
            listed[name] = [size or file.stat().st_size, digest or files.sha256(file)]
    return listed


def damaged(name: str, on_bytes: Callable[[int], None] | None = None) -> list[str]:
    """The files of a kept model that are gone or no longer what they were when it was published. Reads all of it."""
    folder = path(name)
    return [
        file
        for file, (size, digest) in origin(folder).get("files", {}).items()
        if not (folder / file).is_file()
        or (folder / file).stat().st_size != size
        or files.sha256(folder / file, on_bytes) != digest
    ]


def withdraw(name: str) -> None:
    """Turn a kept model back into an unfinished one, so that what is wrong with it can be fetched again."""
    with _lock(name):
        if path(name).is_dir():
            shutil.rmtree(staging(name), ignore_errors=True)
            path(name).rename(staging(name))


def remove(name: str) -> int:
    """Delete a model, whole or half, and what engines compiled from it. Returns the bytes freed."""
    with _lock(name):
        freed = 0
        for folder in (path(name), staging(name), *compiled(path(name))):
            if folder.is_dir():
                freed += _num_bytes(folder)
                shutil.rmtree(folder)
    return freed


def compiled(model: Path) -> Iterator[Path]:
    """The folders of graphs that engines compiled from the checkpoint folder `model`."""
    for source in sorted((files.home() / "compiled").glob("*/source.json")):
        try:
            if Path(json.loads(source.read_text(encoding="utf-8"))["model"]).resolve() == model.resolve():
                yield source.parent
        except (OSError, ValueError, KeyError, TypeError):
            continue


def kept() -> list[Kept]:
    """All models here, whole ones and unfinished ones, by name."""
    found = []
    for folder in sorted(root().glob("*/")) if root().is_dir() else []:
        is_whole = not folder.name.startswith(".")
        if is_whole or folder.name.endswith(_STAGING):
            stem = folder.name if is_whole else folder.name[1:].removesuffix(_STAGING)
            came_from = origin(folder)
            name = came_from.get("name") or stem.replace("--", "/")
            found.append(Kept(name, folder, _num_bytes(folder), came_from, is_whole))
    return sorted(found, key=lambda model: model.name)


def _num_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _lock_file(name: str) -> Path:
    return root() / f".{path(name).name}.lock"


@contextlib.contextmanager
def _lock(name: str) -> Iterator[None]:
    """The lock of one model; says so when another process holds it."""
    from filelock import FileLock, Timeout

    try:
        root().mkdir(parents=True, exist_ok=True)
        lock = FileLock(_lock_file(name))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(
                tr(f"{name}: another process is fetching it; waiting.", f"{name}：另一个进程正在下载，等待中。"),
                file=sys.stderr,
            )
            lock.acquire()
    except OSError as error:
        raise _unwritable(root(), error) from None
    try:
        yield
    finally:
        lock.release()


def _unwritable(folder: Path, error: OSError) -> DiskError:
    return DiskError(
        tr(
            f"{folder}: cannot be written ({reason(error)}).",
            f"{folder}：无法写入（{reason(error)}）。",
        ),
        tr("make room, or set ZHINAO_HOME to another folder", "请腾出空间，或用 ZHINAO_HOME 指定其他目录"),
    )
