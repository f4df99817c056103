"""Fixtures shared by all rooms: the demo model (fetched once into the user's cache) and the shared material."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Started in the background of a script, Ctrl-C is ignored, and so it would be by every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What make and the test runner say of themselves is not for the programs that are tested: the width of a terminal, hints.
for _name in ("COLUMNS", "LINES", "MAKELEVEL", "MAKEFLAGS", "MAKE_TERMOUT", "MAKE_TERMERR"):
    os.environ.pop(_name, None)

# How long drawing takes says how busy the machine is.
settings.register_profile("zhinao", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("zhinao")


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: of two that run side by side, none shall be left alone with a long one."""
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in slow)


SHARED = Path(os.environ.get("ZHINAO_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(autouse=True)
def _no_imitated_bf16(request):
    """A test with the mark `bf16` waits for a processor that has such products."""
    from zhinao import machine

    if request.node.get_closest_marker("bf16") and not machine.has_bf16():
        pytest.skip("this processor has no products of bfloat16")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real material for local runs; the test is skipped where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"real material is not there: {SHARED / 'data'}")
    return SHARED


@pytest.fixture(scope="session")
def publishers() -> dict:
    """The code blocks of the publisher's README by name (`tests/publisher.py`); the test is skipped where it is absent."""
    from tests import publisher

    if not (folder := SHARED / "upstream").is_dir():
        pytest.skip(f"the publisher's README is not there: {folder / publisher.PAGE}")
    return publisher.named(folder)


@pytest.fixture(scope="session")
def demo() -> Path:
    """The checkpoint folder of the demo model, a real small model in the Zhinao layout."""
    from zhinao import hub

    return hub.resolve("smollm2-135m").path


_RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(autouse=True)
def _no_rendezvous_stays():
    """A run in this process says where processes meet; those that later tests start would meet at a port that is taken."""
    kept = {name: os.environ.get(name) for name in _RENDEZVOUS}
    yield
    for name, value in kept.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture(autouse=True)
def _english():
    """Messages are compared in English whatever the machine's locale."""
    from zhinao import lang

    lang.choose("en")
    yield
    lang.choose(None)
