"""Text as values: what YAML 1.1 would misread, what is refused with its line, and that there is one reader only."""

import ast
from pathlib import Path

import pytest

from zhinao import config, values
from zhinao.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("5E+3", 5000.0),
        ("1.e5", 1e5),
        (".5", 0.5),
        ("-.5e1", -5.0),
        ("1_000", 1000),
        ("-1_000.5", -1000.5),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("+7", 7),
        ("1:30", "1:30"),
        ("190:20:30.15", "190:20:30.15"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("y", "y"),
        ("=", "="),
        ("1e", "1e"),
        ("e5", "e5"),
        ("1_", "1_"),
        ("1.2.3", "1.2.3"),
        ("'1e-5'", "1e-5"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("None", None),
        ("~", None),
        ("", None),
        ("-.inf", float("-inf")),
        ('{"min_lr": 1e-6, "on": [no, 2e3]}', {"min_lr": 1e-6, "on": ["no", 2000.0]}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}}),
    ],
)
def test_scalars(text, value):
    found = values.parse(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a stands there twice"),
        ("x:\n  a: 1\n  a: 2", 3, "a stands there twice"),
        ("x: [{a: 1, a: 1}]", 1, "a stands there twice"),
        ("a:\n\tb: 1", 2, "a tab"),
        ("a: 1\n---\nb: 2", 2, "a second document"),
        ("a: [", 1, "not YAML"),
        ("{a: b}: c", 1, "not YAML"),
        ("a: !!python/object/apply:os.system [ls]", 1, "not YAML"),
        ("a: \x00", None, "not YAML"),
        ("a: !!int x", None, "not YAML"),
        ("[" * 1000, None, "not YAML"),
    ],
)
def test_what_is_refused(text, line, reason):
    with pytest.raises(values.Malformed, match=reason) as error:
        values.parse(text)
    assert error.value.line == line


def test_a_pair_says_its_flag():
    assert config.pair("--x", "a={b: 1e-6}", "a=1") == ("a", {"b": 1e-6})
    assert config.pair("--x", "a=b=c", "a=1") == ("a", "b=c")
    for word in ("a", "=1", "a=["):
        with pytest.raises(UsageError, match=r"^--x .*\n  → --x a=1"):
            config.pair("--x", word, "a=1")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 10))


@pytest.mark.parametrize("text", [BOMB, MERGED, BOMB.replace("x", "y" * 1000)])
def test_aliases_of_aliases_are_refused(text, tmp_path):
    """Nine of nine of … nine: 3 billion values in 400 bytes, which would be merged, or written out in the next sentence."""
    with pytest.raises(values.Malformed, match="its aliases"):
        values.parse(text)
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"run\.yaml: its aliases"):
        config.read_yaml(tmp_path / "run.yaml")


def test_a_few_aliases_are_read():
    assert values.parse("a: &a [x, y]\nb: *a\nc: &c {d: *a}\ne: {<<: *c, f: 1}") == {
        "a": ["x", "y"],
        "b": ["x", "y"],
        "c": {"d": ["x", "y"]},
        "e": {"d": ["x", "y"], "f": 1},
    }
    circle = values.parse("a: &a [x, *a]")["a"]
    assert circle[1] is circle
    assert len(values.parse("a:\n" + "- some text of a long list\n" * 2000)["a"]) == 2000


def test_yaml_has_one_reader():
    source = Path(values.__file__).parent
    owners = {
        file.relative_to(source).as_posix()
        for file in source.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(one.name == "yaml" for one in node.names)
    }
    assert owners == {"values.py"}
