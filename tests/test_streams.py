"""Standard output that is full, that nobody reads any more, or that lacks characters: the same for every verb.

Each command runs in a process of its own, forked from one that has imported what all of them need.
"""

import json
import os
import subprocess
import sys

import pytest

from zhinao import cli

SAMPLE = {"messages": [{"role": "user", "content": "你好😀"}, {"role": "assistant", "content": "你好呀🎉"}]}
WORDS = {
    **{f"{verb} --help": [verb, "--help"] for verb in cli.VERBS},
    "--version": ["--version"],
    "--help": ["--help"],
    "chat": ["chat", "m", "hi"],
    "generate": ["generate", "m", "hi"],
    "generate --json": ["generate", "m", "hi", "--json"],
    "models": ["models"],
    "models --json": ["models", "--json"],
    "check-api --list": ["check-api", "--list"],
    "data convert": ["data", "convert", "DATA", "-o", "-"],
    "data view": ["data", "view", "DATA", "--model", "TOKENIZER"],
    "data stats": ["data", "stats", "DATA", "--model", "TOKENIZER"],
    "data check": ["data", "check", "DATA", "--model", "TOKENIZER"],
    "launch --print-command": ["launch", "--print-command", "finetune", "--output_dir", "out😀"],
}
PROGRAM = """
import json, os, sys
import rich.console, rich.table, zhinao.api
from zhinao import cli
from tests.chat.fake_engine import fake_model

zhinao.api.load = lambda name, **settings: fake_model(["hello 😀 世界"])
codes, (situation, table) = {}, json.loads(sys.argv[1])
for name, words in table.items():
    ours, theirs = os.pipe()
    if not (child := os.fork()):
        os.close(ours if situation == "text" else theirs)
        if situation == "full":
            theirs = os.open("/dev/full", os.O_WRONLY)
        elif situation == "closed":
            theirs = ours  # replaced below by a pipe that nobody reads
            end, theirs = os.pipe()
            os.close(end)
        os.dup2(theirs, 1)
        os.close(theirs)
        sys.exit(cli.main(words))
    os.close(theirs)
    said = open(ours, "rb").read()
    codes[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode("latin-1")
print(json.dumps(codes))
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> dict:
    from tests.tiny_tokenizer import make_tokenizer

    folder = tmp_path_factory.mktemp("streams")
    (folder / "data.jsonl").write_text(json.dumps(SAMPLE, ensure_ascii=False) + "\n", encoding="utf-8")
    make_tokenizer(folder / "tokenizer")
    places = {"DATA": f"{folder}/data.jsonl", "TOKENIZER": f"{folder}/tokenizer"}
    return {name: [places.get(word, word) for word in words] for name, words in WORDS.items()}


def run(situation: str, table: dict, **environment) -> tuple[dict, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([situation, table])],
        capture_output=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONPATH": os.getcwd(), **environment},
    )
    said = done.stderr.decode("utf-8", "replace")
    assert "Traceback" not in said and "Exception ignored" not in said, said
    return json.loads(done.stdout), said


FEW = ("--version", "data --help", "chat", "models", "data stats")


def some(table: dict, is_unbuffered: str) -> dict:
    return {name: table[name] for name in FEW} if is_unbuffered else table


@pytest.mark.parametrize("is_unbuffered", ["", "1"])
def test_a_full_disk_is_a_sentence_for_every_verb(table, is_unbuffered):
    codes, said = run("full", some(table, is_unbuffered), PYTHONUNBUFFERED=is_unbuffered)
    assert {name: code for name, (code, _) in codes.items() if code != 7} == {}
    assert said.count("standard output: cannot be written (the disk is full).") == len(codes)


@pytest.mark.parametrize("is_unbuffered", ["", "1"])
def test_a_reader_that_has_left_is_no_error_for_any_verb(table, is_unbuffered):
    codes, said = run("closed", some(table, is_unbuffered), PYTHONUNBUFFERED=is_unbuffered)
    assert {name: code for name, (code, _) in codes.items() if code != 141} == {}
    assert "zhinao:" not in said


@pytest.mark.parametrize("encoding", ["gbk", "ascii"])
def test_characters_that_an_encoding_lacks_are_replaced_for_every_verb(table, encoding):
    codes, _ = run("text", table, PYTHONIOENCODING=encoding, LC_ALL="zh_CN.UTF-8")
    assert {name: code for name, (code, _) in codes.items() if code != 0} == {}
    said = {name: text.encode("latin-1").decode(encoding) for name, (_, text) in codes.items()}
    assert said["chat"].strip() == {"gbk": "hello ? 世界", "ascii": "hello ? ??"}[encoding]
    assert json.loads(said["data convert"]) == SAMPLE and "世界" in json.loads(said["generate --json"])["text"]
    assert json.loads(said["models --json"])


def test_a_closed_standard_output_is_none():
    done = subprocess.run(
        [
            "bash",
            "-c",
            '"$0" -m zhinao models >&-; echo $?; "$0" -m zhinao models --nothing 2>/dev/full',
            sys.executable,
        ],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "0\n", "")
