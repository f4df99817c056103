"""Every `--flag` that a sentence of ours names exists in the verb that is meant.

Which verb: those that the file's room speaks for, and those that the sentence itself names (`zhinao VERB …`). A flag put
together at run time (`--{name}`) cannot be read here.
"""

import ast
import re
from pathlib import Path

import pytest

from zhinao.arguments import inner_parsers
from zhinao.cli import VERBS, build_parser, verb_parser

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "zhinao"
CONTRACT = ROOT / "contract" / "zhinao_contract"
FILES = [*sorted(SOURCE.rglob("*.py")), *sorted(CONTRACT.rglob("*.py"))]
FLAG = re.compile(r"(?<![\w-])--([a-z][\w-]*)")
TRAIN = ("finetune", "pretrain", "prefer", "plan")
# Rooms and files: the verbs that they speak for. What is not listed speaks for all of them.
SPEAKS_FOR = {
    "launch": ("launch",),
    "plan": TRAIN,
    "train": (*TRAIN, "reason"),
    "reason": ("reason", "tour", *TRAIN),
    "evaluate": ("eval", "card"),
    "data": ("data", *TRAIN),
    "zhinao_contract": ("check-api",),
    "chat": ("chat", "generate"),
    "serve": ("serve",),
    "export": ("convert",),
    "hub/commands": ("pull", "models", "remove"),
}
SAYING = ("tr", "_say", "_without", "option")  # and whatever ends with Error
# flags of other programs, in sentences that speak of these
OTHERS = {
    "pip install": {"upgrade", "force-reinstall"},
    "vLLM": {"quantization"},
    "pretrained=": {"model_args"},  # lm-eval's
    "zhinao pull": {"generation-config", "chat-template"},  # vLLM's, in the command that is printed
}


def flags_of(verb: str) -> set[str]:
    parser = verb_parser(build_parser(verb), verb)
    found = set(parser._option_string_actions)
    for inner in inner_parsers(parser).values():
        inner.format_help()  # it gets its arguments when it is used
        found |= set(inner._option_string_actions)
    return {one.removeprefix("--") for one in found}


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    return {verb: flags_of(verb) for verb in VERBS}


def sentences(source: str):
    """Line and text of what is said to people: strings in `tr(…)`, in errors and in hints. `{}` is put in at run time."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (_name(node.func) in SAYING or _name(node.func).endswith("Error")):
            for said in [*node.args, *(more.value for more in node.keywords)]:
                yield from _texts(said)
        elif isinstance(node, ast.Assign) and any(_name(target) == "hint" for target in node.targets):
            yield from _texts(node.value)


def _name(node) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", "")


def _texts(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    elif isinstance(node, ast.JoinedStr):
        yield node.lineno, "".join(one.value if isinstance(one, ast.Constant) else "{}" for one in node.values)
    else:
        for inner in ast.iter_child_nodes(node):
            yield from _texts(inner)


def verbs_meant(text: str, place: str) -> tuple[str, ...]:
    named = [verb for verb in re.findall(r"zhinao ([a-z-]+)", text) if verb in VERBS]
    fitting = [prefix for prefix in SPEAKS_FOR if place.startswith(prefix)]
    return (*named, *(SPEAKS_FOR[max(fitting, key=len)] if fitting else VERBS))


def missing(source: str, place: str, known: dict[str, set[str]]) -> list[str]:
    return sorted({
        f"line {line}: --{flag} in {text!r}"
        for line, text in sentences(source)
        for flag in FLAG.findall(text)
        if flag not in {name for verb in verbs_meant(text, place) for name in known[verb]}
        and not any(program in text and flag in flags for program, flags in OTHERS.items())
    })  # fmt: skip


def place_of(file: Path) -> str:
    return file.relative_to(SOURCE if file.is_relative_to(SOURCE) else CONTRACT.parent).as_posix()


@pytest.mark.parametrize("file", FILES, ids=place_of)
def test_named_flags_exist(file, known):
    assert missing(file.read_text(encoding="utf-8"), place_of(file), known) == []


def test_a_flag_that_is_not_there_is_found(known):
    source = 'raise UsageError(tr(f"--learning_rat is {x}.", "…"), "--parallel zero2, `zhinao serve --port 1`")'
    assert missing(source, "train/net/load.py", known) == ["line 1: --learning_rat in '--learning_rat is {}.'"]
    assert len(missing(source, "chat/turn.py", known)) == 2


def test_every_place_is_there():
    assert [one for one in SPEAKS_FOR if not any(place_of(file).startswith(one) for file in FILES)] == []
