"""Strings that others have written down: in scripts, service files, vLLM's flags, another package's entry points. They keep working."""

import importlib
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zhinao.serve.vllm.arguments import MIDDLEWARE

ROOT = Path(__file__).parents[1]
# What vLLM's `--middleware` has been given by hand, and what our launcher gives it: looked up as vLLM does, by module and name.
MIDDLEWARES = {
    "zhinao.serve.auth.KeyMiddleware": "zhinao.serve.gate.auth.KeyMiddleware",
    "zhinao.serve.page.PageMiddleware": "zhinao.serve.page.PageMiddleware",
}
# What `python -m` starts, with words whose answer shows that it is the right one.
MODULES = {
    "zhinao.train.sft": (["--help"], "zhinao finetune"),
    "zhinao": (["--help"], "check-api"),
    "zhinao.cli": (["--help"], "check-api"),
}


def found(path: str):
    module, _, name = path.replace(":", ".").rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("path", MIDDLEWARES)
def test_a_middleware_is_where_it_always_was(path):
    assert found(path) is found(MIDDLEWARES[path]) and callable(found(path).__call__)


def test_the_launchers_own_middleware_is_there():
    """Importing it changes uvicorn's defaults for the process, so that it is only looked at."""
    module, _, name = MIDDLEWARE.rpartition(".")
    source = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    assert f"\nclass {name}:" in source


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_started_by_its_name(module):
    words, said = MODULES[module]
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and said in done.stdout, done.stderr


def test_entry_points_lead_to_functions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"zhinao": "zhinao.cli:main"}
    assert project["entry-points"] == {"vllm.general_plugins": {"zhinao": "zhinao.serve.vllm.plugin:register"}}
    assert callable(found("zhinao.cli:main")) and callable(found("zhinao.serve.vllm.plugin:register"))


def test_names_of_the_package():
    assert callable(found("zhinao.load")) and issubclass(found("zhinao.ZhinaoError"), Exception)
