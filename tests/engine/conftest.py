"""Fixtures of the embedded engine's tests: kept graphs go to a folder of the test run, never to the user's."""

import pytest


@pytest.fixture(scope="session")
def _kept(tmp_path_factory):
    return tmp_path_factory.mktemp("zhinao-home")


@pytest.fixture(scope="module")
def home(_kept):
    """`$ZHINAO_HOME` for a module of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZHINAO_HOME", str(_kept))
        yield _kept
