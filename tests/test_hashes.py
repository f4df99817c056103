"""`hashes.txt`, by which `make chat` installs: the versions that were tested, a hash for each, and nothing that is left out."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: Path) -> dict[str, str]:
    return {plain(name): version for name, version in PIN.findall(file.read_text(encoding="utf-8"))}


def test_the_versions_are_those_that_were_tested():
    hashed, tested = pinned(ROOT / "hashes.txt"), pinned(ROOT / "constraints.txt")
    assert {name: version for name, version in hashed.items() if name in tested and tested[name] != version} == {}


def test_every_package_of_the_base_install_is_there():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = {
        plain(re.match(r"[\w.-]+", line)[0])
        for line in (*wanted["project"]["dependencies"], *wanted["build-system"]["requires"])
    }
    assert names <= pinned(ROOT / "hashes.txt").keys()


@pytest.mark.parametrize("file", ["hashes.txt", "page/node.txt"])
def test_each_has_hashes_and_names_no_index(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    assert entries and all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert "://" not in text and "--index" not in text
    if file == "page/node.txt":  # pip itself brings it where a wheel is built
        assert text.split("\n")[1].partition(" ")[0] in (ROOT / "page/backend.py").read_text(encoding="utf-8")


def test_make_installs_by_them():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rule = makefile.partition("$(VENV)/.chat:")[2].partition("\n\n")[0]
    assert "--require-hashes -r hashes.txt" in rule and "--no-deps --no-build-isolation -e ." in rule
