"""Who may import whom (docs/structure.md). Reads the source, so imports inside functions count too."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "zhinao"
BASE = {
    "errors",
    "lang",
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
    "check": BASE,
    "data": BASE | {"prompt", "model", "hub"},  # the tokenizer and the template
    "train": BASE | {"prompt", "model", "data", "hub"},
    "plan": BASE | {"prompt", "model", "data", "hub", "train"},
    "launch": BASE | {"train"},  # who holds the output folder, output that outlives its reader
    "doctor": BASE | {"engine", "hub"},
    **{name: BASE for name in BASE},
    "cli": None,  # any verb
    "generated_docs": None,
    "__init__": None,  # lazy exports
    "__main__": None,
}
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


FILES = sorted(SOURCE.rglob("*.py"))


def room(file: Path) -> str:
    return file.relative_to(SOURCE).with_suffix("").parts[0]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_only_allowed_arrows(file):
    allowed = ALLOWED[room(file)]
    if allowed is None:
        return
    for name in imports(file):
        if name.startswith("zhinao."):
            target = name.split(".")[1]
            assert target in allowed | {room(file)}, f"{file.name} imports {name}"


@pytest.mark.parametrize("room_name", sorted(BASE | {"cli", "__init__", "__main__", "doctor"}))
def test_base_imports_nothing_heavy_at_its_top(room_name):
    for name in imports(SOURCE / f"{room_name}.py", only_top=True):
        assert name.split(".")[0] not in HEAVY, f"{room_name}.py imports {name} at its top"


def test_every_room_has_a_rule():
    assert {room(file) for file in FILES} <= ALLOWED.keys()


def test_the_fused_layout_has_one_owner():
    """`qkv_proj` may be named only by the file that knows its rows, and where expected shapes are listed."""
    owners = {file.name for file in FILES if "qkv_proj" in file.read_text(encoding="utf-8")}
    assert owners <= {"qkv.py", "architecture.py"}
