"""The gate of `--decontaminated`: only what the report found clean is trained on."""

import json
from types import SimpleNamespace

import pytest

from zhinao import files
from zhinao.errors import UsageError
from zhinao.train.settings import decontaminated


@pytest.fixture
def data(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a"}\n')
    return file


def asked(file, report):
    return SimpleNamespace(data_path=(f"{file}",), decontaminated=report and str(report))


def report(tmp_path, data, num_found=0, clean=None):
    path = tmp_path / "report.json"
    one = {"path": str(data), "sha256": files.sha256(data), "num_records": 1}
    clean = clean and {"path": str(clean), "sha256": files.sha256(clean), "num_records": 1}
    path.write_text(
        json.dumps(
            {
                "kind": "decontamination",
                "files": [one],
                "num_found": num_found,
                "clean": clean,
                "benchmarks": {"gsm8k": {}},
            }
        )
    )
    return path


def test_without_a_report_nothing_is_asked(data):
    assert decontaminated.check(asked(data, None)) == []


def test_what_is_clean_may_be_trained_on_and_is_noted(tmp_path, data):
    [note] = decontaminated.check(asked(data, report(tmp_path, data)))
    assert "gsm8k" in note and "report.json" in note
    assert decontaminated.check(asked(f"{data}:0.5", report(tmp_path, data)))  # with a weight, as training takes it


def test_other_data_are_refused(tmp_path, data):
    found = report(tmp_path, data)
    data.write_text('{"text": "b"}\n')
    with pytest.raises(UsageError, match=r"a\.jsonl"):
        decontaminated.check(asked(data, found))


def test_what_was_found_dirty_is_refused_and_its_clean_copy_is_not(tmp_path, data):
    clean = tmp_path / "clean.jsonl"
    clean.write_text('{"text": "c"}\n')
    found = report(tmp_path, data, num_found=3, clean=clean)
    with pytest.raises(UsageError) as error:
        decontaminated.check(asked(data, found))
    assert "3" in error.value.message and str(clean) in error.value.hint
    assert decontaminated.check(asked(clean, found))


@pytest.mark.parametrize("text", ["", "[]", '{"kind": "other"}', '{"kind": "decontamination", "files": []}'])
def test_what_is_no_report_is_refused(tmp_path, data, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(UsageError, match="report"):
        decontaminated.check(asked(data, tmp_path / "report.json"))


@pytest.mark.slow
def test_a_run_asks_first_and_notes_it(settings, chats, tmp_path):
    from zhinao.train.method.supervised import train

    found = report(tmp_path, chats)
    assert train(settings(max_steps=1, decontaminated=str(found))).is_finished
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["config"]["decontaminated"] == str(found) and any("gsm8k" in note for note in run["notes"])
