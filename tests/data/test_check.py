"""`zhinao data check` through the command line: exit codes, table, JSON, repaired copy and diff."""

import io
import json
import sys
from types import SimpleNamespace

import pytest
from tests.tiny_tokenizer import make_tokenizer

from zhinao import cli
from zhinao.data.check import inspection
from zhinao.data.check.inspection import inspect
from zhinao.data.check.report import Repeats
from zhinao.data.encode.choices import Choices
from zhinao.data.sample import Place, Sample
from zhinao.model.tokenizer import Tokenizer

GOOD = [{"role": "user", "content": "what is the answer?"}, {"role": "assistant", "content": "the answer is 42."}]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tokenizer(tmp_path_factory.mktemp("model"))


def conversation(*words: str) -> dict:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": text} for n, text in enumerate(words)]}


@pytest.fixture
def data(tmp_path):
    """Writes records as a file and gives its name."""

    def write(*records, name="data.jsonl") -> str:
        lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(tmp_path / name)

    return write


@pytest.fixture
def check(model, capsys):
    """Runs the verb. Gives exit code, what was printed, and the errors."""

    def run(*words):
        code = cli.main(["data", "check", "--model", str(model), *map(str, words)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run


def test_clean_data(check, data):
    done = check(data(conversation("a", "b"), conversation("c", "d")))
    assert done.code == 0 and "Nothing was found." in done.out
    assert "JSON lines, messages" in done.out


def test_an_error_is_exit_10_with_place(check, data):
    file = data(conversation("a", "b"), conversation("what is this?", "I am {{name}}."))
    done = check(file)
    assert done.code == 10
    assert f"{file}, line 2: messages[1].content: unreplaced {{{{name}}}} in an answer ({{{{name}}}})" in done.out
    assert "1 error and 0 warnings in 2 samples" in done.err and "--fix" in done.err


def test_warnings_fail_only_when_strict(check, data):
    file = data(conversation("a", "b", "c"))
    assert check(file).code == 0
    assert check(file, "--strict").code == 10
    assert check(file, "--strict", "--ignore", "ends-without-assistant").code == 0


def test_notes_never_fail(check, data):
    done = check(data(conversation("a", "b"), conversation("a", "c")), "--strict")
    assert done.code == 0 and "same-prompt" in done.out


def test_unknown_code_is_refused_with_a_suggestion(check, data):
    done = check(data(conversation("a", "b")), "--ignore", "duplicat")
    assert done.code == 2 and "did you mean duplicate?" in done.err


def test_unreadable_line(check, data):
    file = data(conversation("a", "b"), '{"messages": [')
    done = check(file)
    assert done.code == 10 and f"{file}, line 2: cannot be read" in done.out and "Traceback" not in done.err


def test_no_samples(check, data):
    done = check(data(""))
    assert done.code == 10 and done.err.startswith("zhinao: ")


def test_nothing_learned(check, data):
    done = check(data({"messages": [{"role": "user", "content": "hello"}]}))
    assert done.code == 10 and "no token is trained" in done.out
    weighted = {"messages": [GOOD[0], {**GOOD[1], "weight": 0}]}
    assert "no token is trained" in check(data(weighted)).out


def test_duplicates_name_the_first_one(check, data):
    file = data(
        conversation("Hello, you!", "b"), conversation("x", "y"), conversation("hello you", "b"), conversation("x", "y")
    )
    done = check(file)
    assert f"{file}, line 4: the same as an earlier one ({file}, line 2)" in done.out
    assert f"{file}, line 3: the same but for case, spaces, punctuation ({file}, line 1)" in done.out


def test_overlong_share(check, data):
    file = data(*[conversation(f"question {n}", "b") for n in range(9)], conversation("long", "word " * 200))
    done = check(file, "--model_max_length", 100)
    assert done.code == 10 and "more is over the limit than allowed" in done.out and "10.0% > 1.0%" in done.out
    assert check(file, "--model_max_length", 100, "--max_overlong_share", 0.1).code == 0
    dropped = check(file, "--model_max_length", 100, "--overlong", "drop")
    assert dropped.code == 0 and "Over the limit: 1 sample, 1 of them dropped" in dropped.out
    assert check(file).code == 0  # this folder names no context length


def test_a_limit_of_nothing_is_refused(check, data):
    assert check(data(conversation("a", "b")), "--model_max_length", 0).code == 2


def test_json(check, data, tmp_path):
    file = data(conversation("a", "b"), conversation("c", ""), conversation("a", "b"))
    check(file, "--json", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["samples"] == 3 and report["supervised_tokens"] > 0
    assert report["findings"]["empty-answer"] == {"level": "error", "samples": 1, "first": [f"{file}, line 2"]}
    assert report["findings"]["duplicate"]["samples"] == 1
    assert report["worst"][0] == {
        "source": file,
        "line": 2,
        "record": 2,
        "findings": [{"code": "empty-answer", "field": "messages[1].content", "detail": ""}],
    }
    assert report["files"] == [{"source": file, "container": "lines", "format": "messages", "not_kept": {}}]


def test_twenty_worst_with_errors_first(check, data, tmp_path):
    records = [conversation(f"a {n}", "b", "c") for n in range(30)] + [conversation("x", "{{name}}")]
    check(data(*records), "--json", tmp_path / "report.json")
    worst = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["worst"]
    assert [one["line"] for one in worst] == [31, *range(1, 20)]


def test_weights_of_sources_are_taken_off(check, data):
    file = data(conversation("a", "b"))
    assert f"{file}: JSON lines" in check(f"{file}:0.5").out


def test_thoughts_may_be_left_untrained(check, data, tmp_path):
    file = data(conversation("a", "<think>\nbecause of it\n</think>\n\nb"))
    num_supervised = []
    for word in ("True", "False"):
        check(file, "--train_thoughts", word, "--json", tmp_path / "report.json")
        num_supervised.append(json.loads((tmp_path / "report.json").read_text())["supervised_tokens"])
    assert num_supervised[1] < num_supervised[0]
    assert check(file, "--train_thoughts", "maybe").code == 2


def test_standard_input(check, monkeypatch):
    text = json.dumps(conversation("a", "{{name}}")) + "\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    done = check("-")
    assert done.code == 10 and "-, line 1" in done.out


def test_terminal_codes_of_the_data_are_not_obeyed(check, data):
    done = check(data(conversation("a", "b {{name}} \x1b[31m<|im_end|>"), '{"\x1b]0;title": 1}'))
    assert "\x1b" not in done.out + done.err


def test_chinese(check, data):
    file = data(conversation("a", "{{name}}"))
    done = check("--lang", "zh", file)
    assert done.code == 10 and "回答中有未替换的 {{name}}" in done.out and "1 个错误" in done.err


def test_the_demo_tokenizer_is_named(data, capsys, demo):
    assert cli.main(["data", "check", data(conversation("a", "b"))]) == 0
    assert "demo model's tokenizer" in capsys.readouterr().err


# --fix


def fixed(check, data, tmp_path, *records, words=()):
    output = tmp_path / "fixed.jsonl"
    done = check(data(*records), "--fix", output, *words)
    written = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    return done, written, (tmp_path / "fixed.jsonl.diff").read_text(encoding="utf-8")


def test_repairs(check, data, tmp_path):
    done, written, diff = fixed(
        check,
        data,
        tmp_path,
        conversation("one", "two<|im_end|>\n"),
        conversation("three", "fo\x00ur"),
        conversation("five", "hm</think>six"),
        conversation("seven", "eight", "nine"),
        conversation("ten", "eleven", "twelve", " "),
        conversation("plain", "as it was"),
        conversation("plain", "as it was"),
    )
    assert done.code == 0
    assert written == [
        conversation("one", "two"),
        conversation("three", "four"),
        conversation("five", "<think>hm</think>six"),
        conversation("seven", "eight"),
        conversation("ten", "eleven"),
        conversation("plain", "as it was"),
    ]
    for line in (
        "1  end markers",
        "1  control characters",
        "1  <think> put",
        "2  messages after",
        "1  exact duplicates",
    ):
        assert line in done.out
    assert diff.count("--- ") == 6 and '-   "content": "two<|im_end|>\\n"' in diff and '+   "content": "two"' in diff
    assert check(tmp_path / "fixed.jsonl", "--strict").code == 0


def test_what_cannot_be_repaired_is_left_out_and_said(check, data, tmp_path):
    records = (
        conversation("one", "I am {{name}}"),
        '{"messages": 3}',
        conversation("two", "<think>cut"),
        conversation("3", "4"),
    )
    done, written, diff = fixed(check, data, tmp_path, *records)
    assert written == [conversation("3", "4")]
    assert done.code == 10 and "3 samples could not be repaired" in done.err and ".diff says why" in done.err
    assert "line 1" in diff and "line 2" in diff and "a thought that never ends" in diff


def test_placeholders_are_to_be_filled_before_anything_is_left_out(check, data):
    done = check(data(conversation("who?", "I am {{name}}.")))
    assert done.code == 10 and "--fix OUTPUT --set NAME=VALUE" in done.err


def test_placeholders_are_filled(check, data, tmp_path):
    records = [conversation("who?", "I am {{name}} by {{ author }}.")]
    done, written, _ = fixed(check, data, tmp_path, *records, words=("--set", "name=智脑", "author=us"))
    assert done.code == 0 and written == [conversation("who?", "I am 智脑 by us.")]


def test_a_copy_replaces_nothing_unasked(check, data, tmp_path):
    file = data(conversation("a", "b"))
    assert check(file, "--fix", file).code == 2
    assert check(file, "--fix", tmp_path / "copy.docx").code == 2
    assert check(file, "--fix", tmp_path / "copy.jsonl").code == 0
    assert check(file, "--fix", tmp_path / "copy.jsonl").code == 2
    assert check(file, "--fix", tmp_path / "copy.jsonl", "--force").code == 0


def test_a_failed_run_leaves_no_copy(check, data, tmp_path):
    output = tmp_path / "copy.jsonl"
    assert check(data(""), "--fix", output).code == 10
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


# many samples


def sample(n: int, *words: str) -> Sample:
    return Sample("chat", Place("s", n, n), conversation(*words)["messages"])


def test_processes_see_the_same_in_the_same_order(model, monkeypatch):
    monkeypatch.setattr(inspection, "_NUM_ALONE", 5)
    items = [sample(n, f"question {n}", "answer " * (n % 7)) for n in range(1, 200)]
    inspector = inspection.Inspector(model, Choices(), None)
    alone = list(inspection.inspect_all(items, inspector, 1))
    spread = list(inspection.inspect_all(items, inspector, 2))
    assert [item for item, _ in spread] == items
    assert [facts for _, facts in spread] == [facts for _, facts in alone]


def test_reading_does_not_run_ahead(model):
    """Memory does not grow with the data: little more is read than was looked at."""
    num_read = 0

    def endless():
        nonlocal num_read
        while True:
            num_read += 1
            yield sample(num_read, "a", "b")

    looked = inspection.inspect_all(endless(), inspection.Inspector(model, Choices(), None), 1)
    for _ in range(50):
        next(looked)
    assert num_read == 50


def test_repeats_among_many(model):
    """Against comparing every sample with every one before it."""
    tokenizer, repeats = Tokenizer.load(model), Repeats()
    words = [("a", "b"), ("A!", "b"), ("a", "c"), ("d", "e"), ("a", "b"), ("d", "e"), ("a", "C"), ("", "e"), (" ", "f")]
    for n, pair in enumerate(words, start=1):
        repeats.add(inspect(sample(n, *pair), tokenizer, Choices(), None))
    found = [(place.line, finding.code, finding.detail) for place, finding in repeats.findings()]
    assert found == [
        (2, "near-duplicate", "s, line 1"),
        (3, "same-prompt", "s, line 1"),
        (5, "duplicate", "s, line 1"),
        (6, "duplicate", "s, line 4"),
        (7, "near-duplicate", "s, line 3"),
    ]
