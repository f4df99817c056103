"""Our own server, as a client meets it: every must is kept. The one test here that starts a model."""

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter

import pytest

from zhinao import cli, machine


@pytest.fixture
def url(demo):
    port = machine.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "zhinao", "serve", str(demo), "--port", str(port)], stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait(process: subprocess.Popen, address: str) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except OSError:  # not yet listening, or 503 while it loads
            time.sleep(0.2)
    pytest.fail("the server did not become ready")


# The areas that ask for much text are left to the long form.
AREAS = "models shape usage errors tools responses http auth limits cors tokens operations"


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("areas", "least"),
    [(AREAS.split(), {"M": 66, "S": 55}), pytest.param([], {"M": 172, "S": 130}, marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_every_must_is_kept(url, tmp_path, areas, least):
    """`least`: so many of a level have passed. What is skipped needs a key, a flood, or a model that thinks."""
    out = tmp_path / "ours.json"
    only = [word for area in areas for word in ("--only", area)]
    code = cli.main(["check-api", url, "--timeout", "180", "--json", str(out), *only])
    results = json.loads(out.read_text())["results"]
    assert [r for r in results if r["level"] == "M" and r["outcome"] == "fail"] == []
    assert code == 0
    passed = Counter(r["level"] for r in results if r["outcome"] == "pass")
    assert {level: number for level, number in least.items() if passed[level] < number} == {}, dict(passed)
    assert {r["id"].partition(".")[0] for r in results if r["outcome"] == "skip"} <= {"auth", "limits", "thinking"}
