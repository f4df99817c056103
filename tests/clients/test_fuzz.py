"""schemathesis on the server's own OpenAPI description: no 500, and every answer as it is described.

$FUZZ_SECONDS: how long (40; `make fuzz` takes ten minutes). The engine is a fake: what is tried out is everything above it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import free_port

SECONDS = int(os.environ.get("FUZZ_SECONDS", "40"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.timeout(SECONDS + 240)
def test_no_request_breaks_the_server(run_server, tmp_path):
    port = free_port()
    url = run_server(["-m", "tests.clients.fuzz_server", str(port)], port)
    command = [str(Path(sys.executable).with_name("st")), "run", f"{url}/openapi.json", "--checks", CHECKS]
    command += ["--phases", "coverage,fuzzing", "--max-time", str(SECONDS), "--request-timeout", "30"]
    command += ["--continue-on-failure", "--warnings", "off", "--no-color"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS + 180)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Test cases:" in done.stdout
