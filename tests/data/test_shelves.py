"""The shelves of `data/` stand one above the other: imports run downward only."""

from pathlib import Path

import pytest
from tests.test_arrows import SOURCE, imports

DATA = SOURCE / "data"
# from the floor up; "" are the files that lie in data/ itself
ORDER = ("", "read", "encode", "store", "commands", "check", "view", "stats")
BESIDE = {("view", "check"), ("stats", "view")}  # verbs that need nothing of one another


def shelf(path: Path) -> str:
    return path.parts[0] if len(path.parts) > 1 or (DATA / path).is_dir() else ""


def reached(name: str) -> Path | None:
    """The file or folder below data/ that an imported name leads to."""
    path = DATA.joinpath(*name.split(".")[2:])
    found = (path, path.with_suffix(".py"), path.parent, path.parent.with_suffix(".py"))
    return next((one.relative_to(DATA) for one in found if one != DATA and one.exists()), None)


@pytest.mark.parametrize("file", sorted(DATA.rglob("*.py")), ids=lambda f: str(f.relative_to(DATA)))
def test_imports_run_downward(file):
    here = shelf(file.relative_to(DATA))
    for name in imports(file):
        if name.startswith("zhinao.data.") and (target := reached(name)):
            there = shelf(target)
            assert ORDER.index(there) <= ORDER.index(here) and (here, there) not in BESIDE, name
