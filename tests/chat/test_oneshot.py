"""`zhinao chat MODEL PROMPT` and pipes: plain text, exit codes. In this process, on a model that says what is written down."""

import io
import json
import os
import signal
import sys
import threading

import pytest
from tests.arriving import arrives
from tests.chat.fake_engine import fake_model

import zhinao.api
from zhinao import cli
from zhinao.chat import arguments
from zhinao.chat.session import Session


class Stdin(io.TextIOWrapper):
    def __init__(self, piped: bytes | None):
        super().__init__(io.BytesIO(piped or b""), "utf-8")
        self._is_terminal = piped is None

    def isatty(self):
        return self._is_terminal


@pytest.fixture
def ask(monkeypatch, capsys):
    """`ask(says, words, piped)` -> exit code, stdout, stderr, prompts, what `load` was given."""

    def run(says, *words, piped=None, verb="chat", **model):
        loaded = {}

        def load(name, **settings):
            loaded.update(settings, name=name, model=fake_model(says, **model))
            return loaded["model"]

        monkeypatch.setattr(zhinao.api, "load", load)
        monkeypatch.setattr(sys, "stdin", Stdin(piped))
        code = cli.main([verb, *words])
        out, err = capsys.readouterr()
        prompts = [p for p, _ in loaded["model"].engine.requests] if loaded else []
        return code, out, err, prompts, loaded

    return run


def test_argument_and_pipe_make_one_prompt(ask):
    code, out, err, prompts, _ = ask(["**It** adds."], "7b", "explain", "this", piped=b"def f():\n    pass\n")
    assert (code, out, err) == (0, "**It** adds.\n", "")
    assert "<|im_start|>user\nexplain this\n\ndef f():\n    pass<|im_end|>" in prompts[0]
    assert ask(["x"], "7b", piped="只有管道\n".encode())[3][0].count("user\n只有管道<|im_end|>") == 1


def test_flags_reach_engine_and_request(ask, tmp_path):
    (tmp_path / "c.yaml").write_text("system: 你是医生\ntemperature: 0.1\nseed: 3\nquant: bf16\n")
    words = [
        "7b",
        "hi",
        "--config",
        f"{tmp_path}/c.yaml",
        "--temperature",
        "0.7",
        "--top-k",
        "5",
        "--stop",
        "X",
        "--stop",
        "Y",
    ]
    code, out, _, prompts, loaded = ask(["aYb"], *words, "--offline", "--threads", "2", "--max-tokens", "9")
    assert (code, out) == (0, "a\n")
    assert prompts[0].startswith("<|im_start|>system\n你是医生<|im_end|>")
    assert (loaded["name"], loaded["quant"], loaded["offline"], loaded["num_threads"]) == ("7b", "bf16", True, 2)
    sampling = loaded["model"].engine.requests[0][1]
    assert (sampling.temperature, sampling.top_k, sampling.seed, sampling.max_tokens) == (0.7, 5, 3, 9)


def test_thought_is_not_part_of_the_output(ask):
    said = "<think>\nhm\n</think>\n\nthree"
    assert ask([said], "m", "q", thinks=True)[1:3] == ("three\n", "")
    assert ask([said], "m", "q", "--show-thinking", thinks=True)[1:3] == ("three\n", "hm\n")
    unopened = ["so three</think>three"]
    assert ask(unopened, "m", "q", thinks=True)[1] == "three\n"
    assert ask(["no thought at all"], "m", "q", thinks=True)[1] == "no thought at all\n"


def test_a_thought_without_end_is_no_answer(ask):
    code, out, err, *_ = ask(["<think>hm…"], "m", "q", "--max-tokens", "3", thinks=True)
    assert (code, out) == (1, "")
    assert "the thought did not end" in err and "--thinking-budget" in err


def test_budget_from_the_command_line(ask):
    code, out, err, *_ = ask(["<think>hm hm hm", "so"], "m", "q", "--thinking-budget", "3", thinks=True)
    assert (code, out) == (0, "so\n") and "budget is used up" in err


def test_chinese_for_a_model_that_knows_none_is_told_beside_the_answer(ask):
    _, out, err, *_ = ask(["x"], "m", "你好", languages=["en"])
    assert out == "x\n" and "knows English only" in err and "zhinao chat qwen2.5-0.5b" in err
    assert ask(["x"], "m", "hello", languages=["en"])[2] == ""


def test_length_limit_is_told(ask):
    code, out, err, *_ = ask(["abcdef"], "m", "q", "--max-tokens", "3")
    assert (code, out) == (0, "abc\n") and "length limit" in err


def test_the_demo_model_is_named(ask):
    *_, err, _prompts, loaded = ask(["x"], piped=b"hi")
    assert "smollm2-135m" in err and loaded["name"] == "smollm2-135m"


@pytest.mark.parametrize(
    ("words", "piped", "sentence"),
    [
        (["m"], b"", "The prompt is empty"),
        (["m", " "], b"\n", "The prompt is empty"),
        (["m"], b"\xff\xfe\x00", "not UTF-8"),
        (["m", "q", "--top-p", "3"], None, "top_p is 3.0; allowed"),
        (["m", "q", "--stop", ""], None, "stop is"),
        (["m", "q", "--thinking-budget", "-2"], None, "thinking_budget is -2"),
        (["m", "q", "--config", "none.yaml"], None, "none.yaml"),
    ],
)
def test_bad_input_is_a_sentence_before_anything_is_loaded(ask, words, piped, sentence):
    code, out, err, _, loaded = ask([], *words, piped=piped)
    assert (code, out, loaded) == (2, "", {})
    assert sentence in err


def test_engine_errors_have_their_exit_code(ask):
    code, _, err, *_ = ask(["partCRASH"], "m", "q")
    assert code == 8 and "restarted" in err


@pytest.mark.parametrize(
    ("says", "exit_code", "printed"),
    [(["one two three"], 130, "one two\n"), (["<think>two or", "three"], 0, "three\n")],
)
def test_ctrl_c_stops_an_answer_and_ends_a_thought(ask, says, exit_code, printed):
    code, out, *_ = ask(
        says,
        "m",
        "q",
        thinks=len(says) > 1,
        hold="two",
        on_hold=lambda: arrives(signal.SIGINT),
    )
    assert (code, out) == (exit_code, printed)


def test_chat_needs_a_terminal_to_talk_in(ask):
    code, _, err, *_ = ask([], "m")
    assert code == 2 and "needs a terminal" in err


def test_generate_continues_a_text(ask, tmp_path):
    code, out, _, prompts, _ = ask(["6. 谷雨\n"], "m", "5. 清明\n", verb="generate")
    assert (code, out, prompts) == (0, "6. 谷雨\n", ["5. 清明\n"])
    (tmp_path / "in.txt").write_text("<eod>x\n")
    code, out, _, prompts, _ = ask(
        ["y"], "m", "--input", f"{tmp_path}/in.txt", "--output", f"{tmp_path}/out.txt", verb="generate"
    )
    assert (code, out, prompts) == (0, "", ["<eod>x\n"])
    assert (tmp_path / "out.txt").read_text() == "y"
    assert ask(["y"], "m", piped=b"piped", verb="generate")[3] == ["piped"]


def test_generate_json_lines(ask, tmp_path):
    import json

    (tmp_path / "in.txt").write_text("a\n\nb\n")
    words = [
        "m",
        "--input",
        f"{tmp_path}/in.txt",
        "--lines",
        "--json",
        "--logprobs",
        "-n",
        "2",
        "--seed",
        "7",
        "--max-tokens",
        "2",
    ]
    code, out, *_ = ask(lambda prompt: prompt * 9, *words, verb="generate")
    records = [json.loads(line) for line in out.splitlines()]
    assert [(r["prompt"], r["text"], r["seed"]) for r in records] == [
        ("a", "aa", 7),
        ("a", "aa", 8),
        ("b", "bb", 7),
        ("b", "bb", 8),
    ]
    assert records[0] | {"prompt": 0, "text": 0} == {
        "prompt": 0, "text": 0, "ids": [97, 97], "finish_reason": "length", "seed": 7,
        "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "logprobs": [-0.5, -0.5],
    }  # fmt: skip
    assert code == 0


def test_generate_several_answers_are_told_apart(ask):
    _, out, *_ = ask(["one", "two"], "m", "x", "-n", "2", "--seed", "1", verb="generate")
    assert out == "=== 1/2 · seed 1 ===\none\n\n=== 2/2 · seed 2 ===\ntwo\n"


def test_the_chat_keeps_the_demo_model_from_turning_in_circles():
    model = fake_model(["a", "b", "c"])
    model.name = "smollm2-135m"
    session = Session(model)
    session.ask("x").result()
    assert session.in_force("repetition_penalty")[0] == 1.1
    session.set("repetition_penalty", "1")
    session.ask("x").result()
    assert session.in_force("repetition_penalty")[0] == 1
    assert [sampling.repetition_penalty for _, sampling in model.engine.requests] == [1.1, 1]
    model.name = "7b"
    assert Session(model).in_force("repetition_penalty")[1] == ""


@pytest.mark.parametrize(
    ("limit", "why"), [((), "come to an end (stop)"), (("--max-tokens", "3"), "3 tokens, cut off at --max-tokens")]
)
def test_generate_says_why_an_answer_ended(ask, tmp_path, limit, why):
    """On stderr: what is piped on or written stays the text alone. JSON lines have `finish_reason`."""
    code, out, err, *_ = ask(["a long answer"], "m", "x", *limit, verb="generate")
    assert code == 0 and why in err and "zhinao" not in out
    code, out, err, *_ = ask(["a long answer"], "m", "x", "--json", *limit, verb="generate")
    assert not err and json.loads(out)["finish_reason"] == ("length" if limit else "stop")


def test_generate_leaves_no_half_file(ask, tmp_path):
    (tmp_path / "out.txt").write_text("old")
    code, *_ = ask(["partCRASH"], "m", "x", "--output", f"{tmp_path}/out.txt", verb="generate")
    assert code == 8
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [("out.txt", "old")]


@pytest.mark.parametrize(
    ("words", "piped", "code", "sentence"),
    [
        (["m"], None, 2, "There is no text to continue"),
        (["m"], b"", 2, "The prompt is empty"),
        (["m", "x", "-n", "0"], None, 2, "-n is 0"),
        (["m", "x", "--logprobs"], None, 2, "--logprobs needs --json"),
        (["m", "--lines"], b"a\nb", 2, "--lines needs --json"),
        (["m", "x", "--input", "f"], None, 2, "not both"),
        (["m", "--input", "none.txt"], None, 2, "none.txt: cannot be read"),
        (["m", "x", "--output", "/nowhere/f"], None, 7, "/nowhere/f: cannot be written"),
    ],
)
def test_generate_bad_input(ask, words, piped, code, sentence):
    done, _, err, _, loaded = ask([], *words, piped=piped, verb="generate")
    assert done == code and sentence in err and not loaded


def test_only_line_feeds_end_a_line(ask, tmp_path):
    lines = ["one\u2028still one", "two\x0cstill two", "three\x85still three\x0b\x1c\r.", "four"]
    (tmp_path / "lines.txt").write_bytes(
        "\r\n".join(lines[:2]).encode() + b"\n\n" + "\n".join(lines[2:]).encode() + b"\r\n"
    )
    code, out, _, prompts, _ = ask(
        ["x"] * 4, "m", "--input", f"{tmp_path}/lines.txt", "--lines", "--json", verb="generate"
    )
    assert (code, prompts) == (0, lines)
    assert [json.loads(line)["prompt"] for line in out.split("\n")[:-1]] == lines
    piped = (tmp_path / "lines.txt").read_bytes()
    assert ask(["x"] * 4, "m", "--lines", "--json", piped=piped, verb="generate")[3] == lines


def test_a_byte_order_mark_is_no_text_and_a_dash_is_stdout(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbfHello")
    given = ("m", "--input", "bom.txt", "--output", "-", "--json")
    code, out, _, prompts, _ = ask(["x"], *given, verb="generate")
    assert (code, prompts, json.loads(out)["text"]) == (0, ["Hello"], "x")
    assert ask(["x"], "m", "--json", piped=b"\xef\xbb\xbfHello", verb="generate")[3] == ["Hello"]
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("kind", ["link", "private", "fifo"])
def test_output_goes_where_it_was_said(ask, tmp_path, kind):
    target = tmp_path / "out"
    if kind == "fifo":
        os.mkfifo(target)
        got = []
        reader = threading.Thread(target=lambda: got.append(target.read_text()))
        reader.start()
    else:
        (tmp_path / "real").touch(mode=0o600)
        target.symlink_to("real") if kind == "link" else (tmp_path / "real").rename(target)
    assert ask(["answer"], "m", "hi", "--output", str(target), verb="generate")[0] == 0
    if kind == "fifo":
        reader.join(5)
        assert got == ["answer"] and target.is_fifo()
    else:
        assert target.read_text() == "answer" and target.stat().st_mode & 0o777 == 0o600
        assert target.is_symlink() == (kind == "link")


@pytest.mark.parametrize("verb", ["chat", "generate"])
def test_what_is_piped_in_has_an_end(ask, monkeypatch, verb):
    monkeypatch.setattr(arguments, "MAX_BYTES", 1 << 20)
    code, _, err, *_ = ask(["x"], "m", piped=b"a" * ((1 << 20) + 1), verb=verb)
    assert code == 2 and "standard input: is longer than 1 MiB" in err and "divide it" in err
    assert "is longer" not in ask(["x"], "m", piped=b"a" * (1 << 20), verb=verb)[2]


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no /dev/zero")
def test_a_text_has_an_end(ask, monkeypatch):
    monkeypatch.setattr(arguments, "MAX_BYTES", 1 << 20)
    code, _, err, *_ = ask(["x"], "m", "--input", "/dev/zero", verb="generate")
    assert code == 2 and "/dev/zero: is longer than 1 MiB" in err
