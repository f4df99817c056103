"""HumanEval and MBPP: the code is cut out of an output as OpenCompass does it, and passes where its tests hold."""

import ast
import re

from zhinao.score.code.sandbox import PASSED, Ran, run_tests
from zhinao.score.grade import Grade

HUMANEVAL_SECONDS, MBPP_SECONDS = 3, 10
_FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)


def humaneval(item, output: str) -> Grade:
    """`item.facts`: `prompt`, `test`, `entry_point` as in the file. What runs is prompt and completion, then `check(entry_point)`."""
    facts, code = item.facts, first_fenced(output)
    tests = f"{helpers(facts['prompt'], facts['entry_point'])}\n{facts['test']}\ncheck({facts['entry_point']})"
    ran = run_tests(facts["prompt"] + code, tests, tested=(facts["entry_point"],), seconds=HUMANEVAL_SECONDS)
    return _grade(ran, code)


def helpers(prompt: str, entry_point: str) -> str:
    """What a prompt defines beside the function that is asked for (imports, `poly`): the tests run the prompt's own, which an
    answer cannot replace."""
    try:
        tree = ast.parse(prompt + "\n    pass\n")
    except SyntaxError:
        return ""
    return "\n".join(ast.unparse(node) for node in tree.body if getattr(node, "name", None) != entry_point)


def mbpp(item, output: str) -> Grade:
    """`item.facts`: `tests`, a list of asserts."""
    code = mbpp_code(output)
    return _grade(
        run_tests(code, "\n".join(item.facts["tests"]), tested=tested(item.facts["tests"]), seconds=MBPP_SECONDS), code
    )


def grade_code(tests: str, output: str) -> Grade:
    """1 where the program in the output (its first fenced block, else all of it) passes `tests`, asserts of Python; else 0."""
    code = first_fenced(output)
    return _grade(run_tests(code, tests, tested=tested(tests.splitlines()), seconds=MBPP_SECONDS), code)


def first_fenced(output: str) -> str:
    """humaneval_postprocess_v2: the first fenced block, else everything."""
    found = _FENCED.search(output)
    return found[1] if found else output


def mbpp_code(output: str) -> str:
    """The first form that fits, each as long as it goes: [BEGIN] '…' [DONE] with its quotes and brackets or with fewer; fences; an open end."""
    for form in _FORMS:
        if found := form.search(output):
            output = found[1]
            break
    code = output.split("```")[0]
    return re.split(r"'?\s*\[?DONE\]?", code)[0].replace("\\_", "_").strip()


def tested(tests: list[str]) -> tuple[str, ...]:
    """Names that asserts call, the inner ones of nested calls among them."""
    return tuple(
        dict.fromkeys(
            name
            for test in tests
            for name in re.findall(r"(\w+)\s*\(", test.split("==")[0])[-3:]
            if name not in _CHECKERS
        )
    )


# What asserts wrap around the call that they are about.
_CHECKERS = {
    "set",
    "sorted",
    "list",
    "tuple",
    "abs",
    "isinstance",
    "len",
    "str",
    "int",
    "float",
    "round",
    "all",
    "any",
    "assert",
    "not",
    "bool",
}
_BEGINS, _ENDS = (r"\[BEGIN\]\s*", r"BEGIN\s*"), (r"\s*\[DONE\]", r"\s*DONE")
_QUOTED = [(begin + "'", "'" + end) for end in _ENDS for begin in _BEGINS]
_HALF = [(begin + "'", end) for end in _ENDS for begin in _BEGINS]
_BARE = [(begin, end) for end in _ENDS for begin in _BEGINS]
_REST = [
    (r"```python\s*", r"\s*```"),
    (r"```\s*", r"\s*```"),
    (r"```python\s*", r"\s*$"),
    (r"```\s*", r"\s*$"),
    ("", r"\s*```.*"),
    (r"\[BEGIN\]\s*'", ""),
    (r"\[BEGIN\]", ""),
    ("'", r"'\s*\[DONE\]"),
]
_FORMS = [re.compile(f"{begin}(.*){end}", re.DOTALL) for begin, end in (*_QUOTED, *_HALF, *_BARE, *_REST)]


def _grade(ran: Ran, code: str) -> Grade:
    facts = {"outcome": ran.outcome, **({"detail": ran.detail} if ran.detail else {}), "walls": list(ran.walls)}
    return Grade(float(ran.outcome == PASSED), code, facts)
