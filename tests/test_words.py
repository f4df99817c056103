"""Help and headings in Chinese: each room's dictionary holds what its code says, no more and no less."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = [ROOT / "src" / "zhinao", *(ROOT / "src" / "zhinao").glob("*/"), ROOT / "contract" / "zhinao_contract"]
DICTIONARIES = [place / "words.py" for place in PLACES if (place / "words.py").exists()]
# Calls whose English is looked up, and where it stands among the positional arguments.
LOOKED_UP = {"translated": 0, "option": 2, "check": 2}


def chinese_of(file: Path) -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("words_of_one_room", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CHINESE


def files_of(dictionary: Path) -> list[Path]:
    """The code of its room; the command's own dictionary is that of the files beside it."""
    is_top = dictionary.parent == ROOT / "src" / "zhinao"
    return [file for file in (dictionary.parent.glob("*.py") if is_top else dictionary.parent.rglob("*.py"))]


def said(file: Path) -> set[str]:
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    found = set()
    for call in calls:
        place = LOOKED_UP.get(getattr(call.func, "id", ""))
        if place is not None and len(call.args) > place and isinstance(call.args[place], ast.Constant):
            found.add(call.args[place].value)
    return found


@pytest.mark.parametrize("dictionary", DICTIONARIES, ids=lambda file: file.parent.name)
def test_nothing_is_missing_and_nothing_stale(dictionary):
    english = set().union(*map(said, files_of(dictionary)))
    chinese = chinese_of(dictionary)
    assert english - chinese.keys() == set(), "lacks Chinese"
    assert chinese.keys() - english == set(), "is said nowhere"
    assert all(any(character >= "\u4e00" for character in text) for text in chinese.values())


def test_there_are_dictionaries():
    assert len(DICTIONARIES) > 8
