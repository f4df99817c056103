"""The verb: a good server passes everything, exit codes, files, tables, and what is not there."""

import json
import socket

import pytest

from tests.contract.fake_server import serve
from tests.contract.faults import Fault
from zhinao import cli
from zhinao_contract import areas, contract, report
from zhinao_contract.runner import Result, run_one
from zhinao_contract.server import Server
from zhinao_contract.wire import Address
from zhinao_contract.words import CHINESE

KEY = "sk-right"


@pytest.mark.slow
def test_a_good_server_passes_everything(tmp_path, capsys):
    out = tmp_path / "good.json"
    with serve(key=KEY) as url:
        words = ["--api-key", KEY, "--provoke-429", "--timeout", "60", "--level", "C", "--json", str(out)]
        code = cli.main(["check-api", f"{url}/v1", *words])
    record = json.loads(out.read_text())
    assert [r for r in record["results"] if r["outcome"] != "pass"] == []
    assert code == 0
    assert len(record["results"]) == len(areas.every())
    assert "✔ M stream.done" in capsys.readouterr().out


def run(url: str, *words: str) -> int:
    return cli.main(["check-api", url, "--timeout", "5", *words])


@pytest.mark.parametrize(
    ("fault", "only", "level", "code"),
    [
        ("", "stream.done", "C", 0),
        ("no-done", "stream.done", "M", 10),
        ("role-always", "stream.role-once", "M", 0),
        ("role-always", "stream.role-once", "S", 11),
        ("no-cache", "stream.no-cache", "S", 0),
        ("no-cache", "stream.no-cache", "C", 12),
    ],
)
def test_exit_codes(fault, only, level, code):
    with serve(Fault(fault)) as url:
        assert run(url, "--only", only, "--level", level) == code


def test_a_failure_says_what_was_seen_in_both_languages(capsys):
    with serve(Fault("two-done")) as url:
        run(url, "--only", "stream.done")
        run(url, "--only", "stream.done", "--lang", "zh")
    said = capsys.readouterr().out
    assert "FAIL: [DONE] is 2; expected 1." in said
    assert "未通过: [DONE] 为 2，应为 1。" in said


def test_no_server_is_one_sentence(capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert run(f"http://127.0.0.1:{free.getsockname()[1]}") == 13
    assert "no server answers" in capsys.readouterr().err


def test_a_server_that_wants_a_key_is_said(capsys):
    with serve(key=KEY) as url:
        assert run(url) == 13
    assert "--api-key" in capsys.readouterr().err


def test_a_server_that_still_loads_is_said(capsys):
    with serve(Fault("loading")) as url:
        assert run(url) == 13
    assert "not ready (503)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [[], ["ftp://x"], ["http://x:99999"], ["http://x", "--only", "stream.dome"], ["http://x", "--timeout", "0"]],
)
def test_usage_errors(words, capsys):
    assert cli.main(["check-api", *words]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_list(capsys):
    assert cli.main(["check-api", "--list", "--only", "stop"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("M stop.string") and len(lines) > 8


def test_every_check_has_words_in_both_languages():
    for check in areas.every():
        assert check.english.isascii() or "`" in check.english
        assert any("\u4e00" <= c <= "\u9fff" for c in CHINESE[check.english]), check.id
    assert len(areas.every()) >= 150


def test_results_are_joined_into_one_table(tmp_path, capsys):
    files = []
    for fault in ("", "no-done"):
        files.append(tmp_path / f"{fault or 'good'}.json")
        with serve(Fault(fault)) as url:
            run(
                url,
                "--only",
                "stream.done",
                "--only",
                "auth.missing",
                "--label",
                fault or "good",
                "--json",
                str(files[-1]),
            )
    table = tmp_path / "table.md"
    assert cli.main(["check-api", "--join", *map(str, files), "--markdown", str(table)]) == 0
    said = table.read_text()
    assert "| `stream.done` | M | ✔ | ✘ |" in said
    assert "| `auth.missing` | M | – | – |" in said
    assert "[DONE] is 0; expected 1." in said
    assert "| good | 1 / 1 | 0 / 0 | 0 / 0 |" in said


def test_a_file_that_is_no_result_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    assert cli.main(["check-api", "--join", str(tmp_path / "x.json")]) == 2


def test_whatever_happens_in_a_check_is_its_failure():
    def odd(server):
        return {}["choices"]

    result = run_one(contract.Check("x.y", "M", "x", odd), Server(Address("127.0.0.1", 1)))
    assert result.outcome == "fail" and "KeyError" in result.message


def test_the_weightiest_failure_gives_the_exit_code():
    results = [Result("a.a", "C", "fail"), Result("a.b", "S", "fail"), Result("a.c", "M", "skip")]
    assert [report.exit_code(results, level) for level in "MSC"] == [0, 11, 11]


def test_a_silent_server_is_bounded_by_the_time_limit():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server(Address("127.0.0.1", silent.getsockname()[1]), timeout=0.3, facts={"model": "x"})
        result = run_one(areas.chosen(["shape.id"])[0], server)
    assert result.outcome == "fail" and "time limit" in result.message
