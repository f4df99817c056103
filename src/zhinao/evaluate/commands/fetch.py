"""`zhinao eval fetch`: the benchmarks' files, from where everybody can have them, into the data folder.

What came first is kept in `hashes.json` and is what must come afterwards. Where files lie is `sources.py`.
"""

import json
import zipfile
from pathlib import Path

from zhinao import files, foreign, outfile
from zhinao.errors import DownloadError, UsageError
from zhinao.evaluate import data as data_folder
from zhinao.evaluate import suites
from zhinao.evaluate.sources import SOURCES, Source
from zhinao.hub.download import Expected, download
from zhinao.hub.offline import is_offline, not_here
from zhinao.lang import tr
from zhinao.progress import Counter, Reporter, shown

HASHES = "hashes.json"


def run(names: list[str], data: Path | None) -> int:
    """Raises UsageError for what is no task, and at the end for what cannot be had; DownloadError, DiskError."""
    folders = dict.fromkeys(task.folder for task in suites.chosen(",".join(names)).values() if task.folder)
    had = [folder for folder in folders if folder in SOURCES]
    if had and is_offline():
        raise not_here(", ".join(had))
    place = data or data_folder.folder(None)
    for folder in had:
        print(f"{folder}: {SOURCES[folder].repository} ({SOURCES[folder].licence})")
    with shown(None) as report:
        for folder in had:
            _fetch(SOURCES[folder], place, folder, report)
    if none := [folder for folder in folders if folder not in SOURCES]:
        raise UsageError(
            tr(
                f"{', '.join(none)}: there is no address with these files in their original layout.",
                f"{'、'.join(none)}：没有可下载原始布局文件的地址。",
            ),
            tr("get them yourself, then --data DIR", "请自行获取，再用 --data DIR 指定"),
        )
    return 0


def _fetch(source: Source, place: Path, folder: str, report: Reporter) -> None:
    hashes = _hashes(place)
    counter = Counter(report, folder, 0)
    for path, name in source.files.items():
        target, key = place / folder / name, f"{folder}/{name}"
        _check_inside(target, place)
        before = hashes.get(key)
        is_there = before is not None and target.is_file() and files.sha256(target) == before
        if not is_there:
            download(
                lambda path=path: (source.address(path), _headers(source)),
                target,
                Expected(sha256=before),
                counter.add,
                label=key,
            )
        hashes[key] = files.sha256(target)
        if name.endswith(".zip"):
            _unpack(target, place / folder)
        outfile.write_text(place / HASHES, json.dumps(hashes, indent=1, sort_keys=True) + "\n")


def _headers(source: Source) -> dict:
    if not source.is_hub:
        return {}
    from huggingface_hub.utils import build_hf_headers

    return build_hf_headers()


def _hashes(place: Path) -> dict[str, str]:
    file = place / HASHES
    if not file.exists():
        return {}
    try:
        found = foreign.read_json(file)
        if isinstance(found, dict) and all(Expected(sha256=one).is_sane for one in found.values()):
            return found
    except (OSError, ValueError):
        pass
    raise UsageError(tr(f"{file} is damaged.", f"{file} 已损坏。"), tr("remove it", "请删除它"))


def _check_inside(target: Path, place: Path) -> None:
    """Through no link that leads elsewhere."""
    if target.is_symlink() or not target.resolve().is_relative_to(place.resolve()):
        raise UsageError(
            tr(f"{target}: a link leads out of the folder.", f"{target}：有链接指向目录之外。"), "--data DIR"
        )


def _unpack(file: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(file) as opened:
            names = [one for one in opened.namelist() if not one.endswith("/")]
            if bad := next((name for name in names if foreign.leaves(name)), None):
                raise DownloadError(
                    tr(
                        f"{file}: holds a path out of its folder ({foreign.shown(bad)}); nothing was unpacked.",
                        f"{file}：含有目录之外的路径（{foreign.shown(bad)}），未解压。",
                    )
                )
            for name in names:
                _check_inside(folder / name, folder)
            opened.extractall(folder, names)
    except zipfile.BadZipFile:
        raise DownloadError(
            tr(f"{file}: is no zip file.", f"{file}：不是 zip 文件。"),
            tr("remove it and fetch again", "请删除后重新下载"),
        ) from None
    except OSError as error:
        raise outfile.cannot_write(folder, error) from None
