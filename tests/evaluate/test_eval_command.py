"""`zhinao eval` from words to files: what it says and how it ends where something is wrong."""

import json

import pytest

from tests.evaluate.fakes import Counting, FakeServer, chat
from zhinao.cli import main
from zhinao.evaluate.commands import running


@pytest.fixture
def data(tmp_path):
    """GSM8K-like: three items."""
    folder = tmp_path / "data" / "gsm8k"
    folder.mkdir(parents=True)
    rows = [{"question": f"{n} and 1?", "answer": f"so\n#### {n + 1}"} for n in range(3)]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "data"


@pytest.fixture
def backend(monkeypatch):
    made = Counting(answer=lambda ask: "The answer is 2")
    monkeypatch.setattr(running, "open_backend", lambda args, model: made)
    return made


def _eval(*words) -> int:
    try:
        return main(["eval", *map(str, words)]) or 0
    except SystemExit as ended:
        return ended.code or 0


def test_files_of_a_run(data, backend, tmp_path, capsys):
    run = tmp_path / "run"
    assert _eval("gsm8k", "m", "--data", data, "--out", run) == 0
    row = json.loads((run / "results.json").read_text())["tasks"]["gsm8k"]
    assert row["num_items"] == 3 and row["score"] == pytest.approx(1 / 3) and len(row["interval"]) == 2
    lines = [json.loads(line) for line in (run / "items.jsonl").read_text().splitlines()]
    assert len(lines) == 3 and {"task", "id", "prompt_hash", "output", "extracted", "grade"} <= lines[0].keys()
    num = len(backend.asked)
    assert _eval("gsm8k", "m", "--data", data, "--out", run) == 0 and len(backend.asked) == num
    assert _eval("show", run) == 0 and "33.33" in capsys.readouterr().out
    assert _eval("diff", run, run, "--json") == 0


def test_interrupted_shows_what_stands(data, backend, tmp_path, capsys):
    answers = iter(["The answer is 1", KeyboardInterrupt()])
    backend._answer = lambda ask: next(answers)
    assert _eval("gsm8k", "m", "--data", data, "--out", tmp_path / "run") == 130
    out = capsys.readouterr()
    assert "100.00" in out.out and "goes on" in out.err
    assert not json.loads((tmp_path / "run/results.json").read_text())["tasks"]["gsm8k"]["is_complete"]


def test_opencompass_loads_no_model(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(running, "open_backend", None)
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    assert _eval("readme-base", tmp_path, "--opencompass", tmp_path / "file.py") == 0
    assert "ceval" in (tmp_path / "file.py").read_text()


def test_server_that_refuses_the_key(data, tmp_path, capsys):
    with FakeServer(lambda path, body, number: (401, {"error": "bad key"}) if number > 0 else chat("1")) as server:
        code = _eval("gsm8k", "--url", server.url, "--data", data, "--out", tmp_path / "run")
    assert code == 2 and "ZHINAO_EVAL_API_KEY" in capsys.readouterr().err
    assert (tmp_path / "run/results.json").exists()


BAD = [
    (["gsm8", "m"], 2, "gsm8k"),
    (["gsm8k@none", "m"], 2, "variant"),
    (["gsm8k"], 2, "No model"),
    (["gsm8k", "a", "b"], 2, "One model"),
    (["gsm8k", "m", "--limit", "0"], 2, "--limit"),
    (["gsm8k", "m", "--max-tokens", "-1"], 2, "--max-tokens"),
    (["gsm8k", "m", "--num-samples", "0"], 2, "--num-samples"),
    (["gsm8k", "m", "--data", "nowhere"], 2, "not a folder"),
    (["mmlu", "m"], 2, "eval fetch mmlu"),
    (["show"], 2, "missing"),
    (["show", "nowhere"], 2, "no results"),
    (["diff", "a"], 2, "two runs"),
    (["diff", "a", "b"], 2, "no results"),
    (["fetch"], 2, "missing"),
    (["fetch", "hellaswag"], 2, "no address"),
    (["lm-eval:arc_easy", "--url", "http://127.0.0.1:9"], 2, "loaded here"),
    (["readme-instruct-", "m"], 2, "no task"),
]


@pytest.mark.parametrize(("words", "code", "said"), BAD, ids=[" ".join(words) for words, _, _ in BAD])
def test_bad_input(words, code, said, backend, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    data = [] if "--data" in words or words[0] in ("show", "diff", "fetch") else ["--data", "data"]
    assert _eval(*words, *data) == code
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err and not backend.asked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "line 1"),
        (b"[]\n", "line 1"),
        (b'{"question": "a"}\n', "answer"),
        (b'{"question": 7, "answer": "#### 1"}\n', "question"),
        (b"\xff\xfe\n", "damaged"),
        (b"", "no items"),
    ],
)
def test_damaged_data(text, said, data, backend, tmp_path, capsys):
    (data / "gsm8k/test.jsonl").write_bytes(text)
    assert _eval("gsm8k", "m", "--data", data, "--out", tmp_path / "run") == 2
    assert said in capsys.readouterr().err and not backend.asked


def test_another_limit_in_the_same_run(data, backend, tmp_path, capsys):
    for limit, code in ((2, 0), (3, 2)):
        assert _eval("gsm8k", "m", "--data", data, "--out", tmp_path / "run", "--limit", limit) == code
    assert "limit 2, not 3" in capsys.readouterr().err


@pytest.mark.parametrize(("more", "said"), [({"runs_code": True}, "--allow-code"), ({"mode": "judged"}, "--judge URL")])
def test_what_has_to_be_said_first(more, said, data, backend, capsys, monkeypatch):
    import dataclasses

    from zhinao.evaluate import tasks

    one = dataclasses.replace(tasks.find("gsm8k"), **more)
    monkeypatch.setattr(running.suites, "chosen", lambda words: {"gsm8k": one})
    assert _eval("gsm8k", "m", "--data", data) == 2
    assert said in capsys.readouterr().err and not backend.asked


def test_dry_run_asks_nothing_and_says_both_numbers(data, backend, tmp_path, capsys):
    assert _eval("gsm8k", "m", "--data", data, "--dry-run", "--out", tmp_path / "run") == 0
    assert "shared beginnings once" in capsys.readouterr().out and not (tmp_path / "run").exists()
