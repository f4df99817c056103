"""`zhinao eval` from the outside: what is typed wrongly, and one run on a model that exists."""

import json

import pytest

from tests.evaluate.fakes import said, server
from zhinao import cli

DATA = "tests/evaluate/data"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cevall", "MODEL"], "Did you mean ceval?"),
        (["readme-bass", "MODEL"], "Did you mean readme-base?"),
        (["arc-c@nonsense", "MODEL"], "no variant"),
        (["", "MODEL"], "No task"),
        (["ceval"], "No model"),
        (["ceval", "A", "B"], "One model at a time"),
        (["ceval", "MODEL", "--data", "nowhere"], "is not a folder"),
        (["ceval", "MODEL", "--data", "tests"], "its files are not there"),
        (["ceval", "MODEL", "--limit", "0"], "--limit is 0"),
        (["gsm8k", "MODEL", "--max-tokens", "-1"], "--max-tokens is -1"),
        (["aime24", "MODEL", "--num-samples", "0"], "--num-samples is 0"),
        (["humaneval", "MODEL", "--data", DATA], "only if you say so"),
        (["mbpp,gsm8k", "MODEL", "--data", DATA], "--allow-code"),
        (["mt-bench", "MODEL", "--data", DATA], "another model judges"),
        (["show", "tests"], "holds no results"),
        (["show"], "Something is missing"),
        (["diff", "tests"], "diff takes two runs"),
        (["lm-eval:mmlu", "--url", "http://127.0.0.1:9"], "loaded here"),
        (["gsm8k", "--url", "127.0.0.1:8000", "--data", DATA], "no address"),
        (["readme-base", "--url", "http://127.0.0.1:9", "--opencompass", "x.py"], "loads a folder"),
        (["ifeval", "MODEL", "--opencompass", "x.py"], "no configuration"),
    ],
)
def test_a_sentence_and_an_exit_code(words, sentence, capsys):
    assert cli.main(["eval", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_server_is_evaluated_and_shown(tmp_path, capsys):
    def answer(path, body):
        return 200, said("The answer is 4.") if "chat" in path else {
            "choices": [{"text": " 7", "finish_reason": "stop"}]
        }

    with server(answer) as (url, asked):
        words = ["eval", "gsm8k,ifeval", "--url", url, "--data", DATA, "--out", str(tmp_path / "a"), "--limit", "1"]
        assert cli.main(words) == 0
        num = len(asked)
        assert cli.main(words) == 0 and len(asked) == num, "nothing is asked twice"
    found = json.loads((tmp_path / "a" / "results.json").read_text())
    assert set(found["tasks"]) == {"gsm8k", "ifeval"} and found["model"] == "served"
    for row in found["tasks"].values():
        assert row["num_items"] == 1 and 0 <= row["interval"][0] <= row["score"] <= row["interval"][1] <= 1
    assert "gsm8k" in capsys.readouterr().out
    assert cli.main(["eval", "show", str(tmp_path / "a"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert cli.main(["eval", "diff", str(tmp_path / "a"), str(tmp_path / "a"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"]["gsm8k"]["p"] == 1.0


def test_a_dead_server_keeps_what_came_and_says_how_to_go_on(tmp_path, capsys):
    with server(lambda path, body: (401, {"error": "no"})) as (url, _):
        assert cli.main(["eval", "gsm8k", "--url", url, "--data", DATA, "--out", str(tmp_path / "a")]) == 8
    assert "refuses" in capsys.readouterr().err and (tmp_path / "a" / "results.json").is_file()


def test_list(capsys):
    assert cli.main(["eval", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = {row["name"] for row in found["tasks"]}
    assert len(found["suites"]["readme-base"]) == 22
    assert all(set(members) <= names for members in found["suites"].values())


@pytest.mark.slow
def test_the_demo_model(demo, tmp_path):
    """Choices, generation and a chat on real weights, in their own precision."""
    words = [
        "eval",
        "hellaswag,gsm8k,ifeval",
        str(demo),
        "--data",
        DATA,
        "--limit",
        "1",
        "--max-tokens",
        "8",
        "--out",
        str(tmp_path / "a"),
    ]
    assert cli.main(words) == 0
    lines = [json.loads(line) for line in (tmp_path / "a" / "items.jsonl").read_text().splitlines()]
    assert [line["task"] for line in lines] == ["hellaswag", "gsm8k", "ifeval"]
    assert len(lines[0]["log_likelihoods"]) == 4 and all(value < 0 for value in lines[0]["log_likelihoods"])
