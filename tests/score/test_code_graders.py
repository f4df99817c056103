"""Cutting code out of outputs, and grading it by running its tests."""

import gzip
import json
from types import SimpleNamespace

import pytest

from zhinao.score.code import graders, sandbox

needs_walls = pytest.mark.skipif(not sandbox.walls(), reason="no walls for generated code on this machine")


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("[BEGIN]\n 'def f():\n  return 1' \n[DONE] \n\n more", "def f():\n  return 1"),
        (" 'def f():\n  return 1' \n[DONE]", "def f():\n  return 1"),
        ("[BEGIN]\ndef f():\n  return 1\n[DONE]", "def f():\n  return 1"),
        ("BEGIN 'x = 1' DONE", "x = 1"),
        ("```python\nx = 1\n```", "x = 1"),
        ("Sure:\n```\nx = 1\n``` it is", "x = 1"),
        ("```python\nx = 1", "x = 1"),
        ("[BEGIN] 'x = 1", "x = 1"),
        ("def f\\_g(): pass", "def f_g(): pass"),
        ("plain text", "plain text"),
    ],
)
def test_code_of_mbpp(output, code):
    assert graders.mbpp_code(output) == code


def test_code_of_humaneval():
    assert graders.first_fenced("Here:\n```python\na = 1\n```\n```\nb\n```") == "a = 1\n"
    assert graders.first_fenced("    return 1\n") == "    return 1\n"


def test_names_that_asserts_are_about():
    assert graders.tested(["assert sum(10, 15) == 6"]) == ("sum",)
    assert graders.tested(["assert set(f(1)) == set(g(2))", "assert (h([Pair(5, 24)], 4) == 3)"]) == ("f", "h", "Pair")


@needs_walls
def test_graded_by_running():
    item = SimpleNamespace(
        facts={
            "prompt": "def f(x):\n",
            "entry_point": "f",
            "test": "def check(candidate):\n    assert candidate(1) == 2\n",
        }
    )
    assert graders.humaneval(item, "    return x + 1\n").score == 1
    wrong = graders.humaneval(item, "    return x\n")
    assert wrong.score == 0 and wrong.facts["outcome"] == "failed"
    assert graders.humaneval(item, "    return x + 1\n\nimport sys\nsys.exit(0)").facts["outcome"] == "error"
    item = SimpleNamespace(facts={"tests": ["assert sum(1, 2) == 3", "assert sum(0, 0) == 0"]})
    assert graders.mbpp(item, " 'def sum(a, b):\n  return a + b' \n[DONE]").score == 1
    assert graders.mbpp(item, " 'def sum(a, b):\n  return 3' \n[DONE]").score == 0


@needs_walls
@pytest.mark.slow
def test_canonical_solutions_pass_and_mutated_ones_do_not(shared):
    """A few of each, by number; all 82 and 492 of the local files pass (docs/log.md)."""
    folder = shared / "data" / "eval"
    if not (folder / "humaneval").is_dir():
        pytest.skip("the shared benchmark files are not here")
    with gzip.open(folder / "humaneval" / "HumanEval.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file][::16]
    for row in rows:
        item = SimpleNamespace(facts=row)
        assert graders.humaneval(item, row["canonical_solution"]).score == 1, row["task_id"]
        assert graders.humaneval(item, "    return None\n").score == 0, row["task_id"]
    rows = [json.loads(line) for line in (folder / "mbpp" / "mbpp.jsonl").read_text().splitlines()][10:500:40]
    for row in rows:
        item = SimpleNamespace(facts={"tests": row["test_list"]})
        assert graders.mbpp(item, f"[BEGIN]\n{row['code']}\n[DONE]").score == 1, row["task_id"]
        assert graders.mbpp(item, "[BEGIN]\npass\n[DONE]").score == 0, row["task_id"]
