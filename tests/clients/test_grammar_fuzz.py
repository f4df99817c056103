"""Schemas drawn at random against the grammar layer: no answer that the library draws breaks its schema, by jsonschema's judgement.

$FUZZ_SECONDS: how long (20; `make fuzz` takes ten minutes). $FUZZ_SEED: which schemas.
"""

import json
import os
import subprocess
import time

import jsonschema
import pytest

from tests.clients.conftest import ROOT, zhinao_python
from tests.clients.random_schemas import Schemas

SECONDS = int(os.environ.get("FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
Judge = jsonschema.Draft202012Validator


@pytest.fixture
def sampler(tmp_path):
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "ZHINAO_HOME": str(tmp_path)}
    command = [zhinao_python(), "-m", "tests.engine.grammar_sampler"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=environ, cwd=ROOT, text=True, **pipes)
    yield process
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


def drawn(sampler, schema: dict, seed: int) -> dict:
    asked = {"kind": "json_schema", "text": json.dumps(schema), "seed": seed}
    sampler.stdin.write(json.dumps(asked) + "\n")
    sampler.stdin.flush()
    line = sampler.stdout.readline()
    assert line, f"the process ended over {schema}"
    return json.loads(line)


def broken(judge, text: str) -> str | None:
    """How an answer breaks its schema; jsonschema reads patterns as Python does, which is stricter where they differ."""
    try:
        text.encode()
        error = next(judge.iter_errors(json.loads(text)), None)
    except ValueError as found:
        error = found
    return None if error is None else f"{text!r}: {str(error)[:300]}"


@pytest.mark.timeout(SECONDS + 240)
def test_no_answer_breaks_its_schema(sampler):
    schemas, count = Schemas(SEED), {"schemas": 0, "refused": 0, "answers": 0}
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        schema = schemas.schema()
        count["schemas"] += 1
        answer = drawn(sampler, schema, seed=count["schemas"])
        count["refused"] += "why" in answer
        judge = Judge(schema, format_checker=Judge.FORMAT_CHECKER)
        for text in answer.get("texts", ()):
            count["answers"] += 1
            assert not (how := broken(judge, text)), f"schema {json.dumps(schema)}\n{how}"
    print(f"\n{count}")
    assert count["answers"] > count["schemas"]
