"""Who may import whom (docs/structure.md): between rooms, between the shelves of a room, and never in a circle.

Reads the source, so imports inside functions count too.
"""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "zhinao"
CONTRACT = ROOT / "contract" / "zhinao_contract"  # a distribution of its own, and here a room like others
BASE = {
    "errors",
    "lang",
    "oserrors",
    "outfile",
    "files",
    "family",
    "config",
    "machine",
    "arguments",
    "values",
    "foreign",
    "limited",
    "bandwidth",
    "progress",
    "version",
    "near",
    "signals",
    "words",
    "htmlpage",
}
ALLOWED = {
    "model": BASE,
    "prompt": BASE,
    "hub": BASE | {"model"},  # a GGUF file is rewritten as a checkpoint
    "engine": BASE | {"model", "hub"},
    "export": BASE | {"model", "hub"},
    "api": BASE | {"engine", "prompt", "hub", "model"},
    "chat": BASE | {"api", "engine", "prompt", "hub"},
    "serve": BASE | {"api", "engine", "prompt", "hub", "model"},  # model: the vLLM plugin loads weights
    "zhinao_contract": BASE,
    "data": BASE | {"prompt", "model", "hub"},  # the tokenizer and the template
    "train": BASE | {"prompt", "model", "data", "hub", "score"},  # score: rewards
    "reason": BASE | {"score", "evaluate", "train", "data", "engine", "api", "prompt", "model", "hub", "export"},
    "plan": BASE | {"prompt", "model", "data", "hub", "train"},
    "score": BASE,  # graders, for evaluation and rewards
    "evaluate": BASE | {"score", "api", "engine", "prompt", "model", "hub"},
    "launch": BASE | {"train"},  # who holds the output folder, output that outlives its reader
    "doctor": BASE | {"engine", "hub", "score"},
    **{name: BASE for name in BASE},
    "cli": None,  # any verb
    "generated_docs": None,
    "__init__": None,  # lazy exports
    "__main__": None,
}
# Within a room, from above to below: a shelf (a folder, or a file) may import itself and what stands in lines below its own.
# Shelves of one line stand beside each other.
SHELVES = {
    "serve": [
        "command auth",  # auth: an old public name
        "server",
        "event_loop",
        "app",
        "openai vllm",
        "run",
        "gate",
        "page",
        "settings errors words",
    ],
    "engine": [
        "__init__",
        "openvino transformers vllm",
        "select torch_sampler grammar prefix_tree",
        "base",
        "bounds",
    ],
    "data": [
        "command",
        "view stats",
        "check",
        "commands",
        "store",
        "encode",
        "read",
        "holdout",
        "sample visible words",
    ],
    "train": [
        "sft",
        "commands",
        "method",
        "run",
        "beforehand claim",
        "monitor",
        "loop",
        "net parallel",
        "settings",
        "words",
    ],
    "evaluate": [
        "commands",
        "report card",
        "run lm_eval",
        "suites",
        "tasks backend",
        "data opencompass perplexity",
        "published sources task words",
    ],
    "reason": [
        "commands",
        "tour",
        "decontaminate rate sample curriculum grpo merge audit verl",
        "draws",
        "problem_files problems words",
    ],
    "zhinao_contract": [
        "__init__ command",
        "report",
        "runner areas",
        "schema abilities",
        "server",
        "sse",
        "wire",
        "expect",
        "contract",
        "words",
    ],
}
# Arrows that are not yet as they should be: (importer, imported). Empty it; what is mended must leave it.
NOT_YET: set[tuple[str, str]] = set()
HEAVY = {
    "torch",
    "transformers",
    "openvino",
    "openvino_genai",
    "vllm",
    "huggingface_hub",
    "rich",
    "prompt_toolkit",
    "tokenizers",
    "jinja2",
    "gguf",
    "yaml",
    "fastapi",
    "uvicorn",
    "trl",
    "peft",
    "accelerate",
    "deepspeed",
    "datasets",
    "pyarrow",
}


def name_of(file: Path) -> str:
    """The module's dotted name; a package's is that of its folder."""
    root = CONTRACT if file.is_relative_to(CONTRACT) else SOURCE
    parts = (root.name, *file.relative_to(root).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


FILES = [*sorted(SOURCE.rglob("*.py")), *sorted(CONTRACT.rglob("*.py"))]
MODULES = {name_of(file): file for file in FILES}
LAZY = ("zhinao.load", "zhinao.ZhinaoError")  # what the package itself gives away


def imports(file: Path, only_top: bool = False) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if only_top else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@functools.cache
def arrows() -> dict[str, set[str]]:
    """Module -> modules of ours that it imports; a name out of a module is an import of that module."""
    found = {}
    for name, file in MODULES.items():
        meant = (one if one in MODULES else one.rpartition(".")[0] for one in imports(file))
        found[name] = {one for one in meant if one in MODULES and one != name}
    return found


def room(file: Path) -> str:
    """A folder or a file of the package; the contract's is the name of its own package."""
    if file.is_relative_to(CONTRACT):
        return CONTRACT.name
    return file.relative_to(SOURCE).with_suffix("").parts[0]


def place(file: Path) -> str:
    return str(file.relative_to(SOURCE if file.is_relative_to(SOURCE) else CONTRACT.parent))


@pytest.mark.parametrize("file", FILES, ids=place)
def test_only_allowed_arrows(file):
    allowed = ALLOWED[room(file)]
    if allowed is None:
        return
    for name in imports(file):
        if name.startswith("zhinao."):
            target = name.split(".")[1]
            assert target in allowed | {room(file)}, f"{file.name} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=place)
def test_nobody_imports_the_package_itself(file):
    """`import zhinao` is an arrow from anywhere to the very top: whoever is meant has a name of its own."""
    found = {one for one in imports(file, only_top=True) if one == "zhinao" or one in LAZY}
    assert not {(name_of(file), "zhinao") for _ in found} - NOT_YET, f"it imports {found}"


def test_nobody_imports_the_contract():
    """It is installed by itself; `cli.py` alone names it, and imports it when its verb is chosen."""
    ours = [file for file in FILES if file.is_relative_to(SOURCE)]
    assert [place(file) for file in ours if any(one.startswith(CONTRACT.name) for one in imports(file))] == []


@pytest.mark.parametrize("room_name", sorted(BASE | {"cli", "__init__", "__main__", "doctor"}))
def test_base_imports_nothing_heavy_at_its_top(room_name):
    for name in imports(SOURCE / f"{room_name}.py", only_top=True):
        assert name.split(".")[0] not in HEAVY, f"{room_name}.py imports {name} at its top"


def test_every_room_has_a_rule():
    assert {room(file) for file in FILES} <= ALLOWED.keys()


def shelf(name: str) -> str:
    """`zhinao.serve.gate.auth` -> `gate`."""
    parts = name.removeprefix("zhinao.").split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def levels(room_name: str) -> dict[str, int]:
    return {one: number for number, line in enumerate(SHELVES[room_name]) for one in line.split()}


def in_room(room_name: str) -> list[str]:
    return [name for name, file in MODULES.items() if room(file) == room_name]


def upward(room_name: str) -> set[tuple[str, str]]:
    """The arrows of a room that do not run downward."""
    level, inside = levels(room_name), in_room(room_name)
    return {
        (name, other)
        for name in inside
        for other in arrows()[name].intersection(inside)
        if shelf(name) != shelf(other) and level[shelf(name)] >= level[shelf(other)]
    }


def circles(found: dict[str, set[str]]) -> list[list[str]]:
    """Modules that reach themselves, each set of them once."""

    def reached(name: str) -> set[str]:
        seen, waiting = set(), [name]
        while waiting:
            for other in found[waiting.pop()] - seen:
                seen.add(other)
                waiting.append(other)
        return seen

    reach = {name: reached(name) for name in found}
    return sorted({tuple(sorted(other for other in reach[name] if name in reach[other])) for name in found} - {()})


def as_lines(pairs) -> str:
    return "\n".join(f'    ("{one}", "{other}"),' for one, other in sorted(pairs))


@pytest.mark.parametrize("room_name", SHELVES)
def test_every_shelf_has_its_place(room_name):
    assert {shelf(name) for name in in_room(room_name)} - {"__init__"} <= levels(room_name).keys()


@pytest.mark.parametrize("room_name", SHELVES)
def test_imports_run_downward_within_a_room(room_name):
    wrong = upward(room_name) - NOT_YET
    assert not wrong, f"upward:\n{as_lines(wrong)}"


def test_no_circle():
    open_ones = {name: {other for other in to if (name, other) not in NOT_YET} for name, to in arrows().items()}
    assert circles(open_ones) == []


def test_what_is_mended_leaves_the_list():
    left = {(name_of(file), "zhinao") for file in FILES if "zhinao" in imports(file, only_top=True)}
    left |= {pair for room_name in SHELVES for pair in upward(room_name)}
    left |= {(one, other) for circle in circles(arrows()) for one in circle for other in arrows()[one] & set(circle)}
    assert not NOT_YET - left, f"to be taken out of NOT_YET:\n{as_lines(NOT_YET - left)}"


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [("a", "b", "c")]


def test_the_fused_layout_has_one_owner():
    """`qkv_proj` may be named only by the file that knows its rows, and where expected shapes are listed."""
    owners = {place(file) for file in FILES if "qkv_proj" in file.read_text(encoding="utf-8")}
    assert owners <= {"model/qkv.py", "model/architecture.py"}
