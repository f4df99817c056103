"""The pure parts of watching a run: pace, sparkline, words, charts, journals. No trainer, no model."""

from pathlib import Path

import pytest

from zhinao import lang
from zhinao.errors import DiskError
from zhinao.train.monitor import charts, view, words
from zhinao.train.monitor.charts import MAX_POINTS, Series, nice_ticks, thinned
from zhinao.train.monitor.journal import Journal, read
from zhinao.train.monitor.recorder import Pace
from zhinao.train.monitor.run_facts import histogram
from zhinao.train.monitor.view import sparkline


def test_pauses_are_no_training_but_count_for_the_time_left():
    pace = Pace()
    pace.begin(0, 0, 0, now=100.0)
    assert pace.seconds_left(10) is None
    pace.step_ended(1, 102.0)
    assert pace.rates(200, 50) == (100.0, 25.0)
    pace.pause_ended(112.0)  # an evaluation of ten seconds
    pace.step_ended(2, 114.0)
    assert pace.rates(600, 150) == (200.0, 50.0)
    assert pace.trained_seconds == 4.0
    assert pace.seconds_left(10) == 8 * 14.0 / 2
    assert pace.seconds_left(2) == 0


def test_a_resumed_pace_goes_on_counting_and_judges_by_its_own_steps():
    pace = Pace(1000.0)
    pace.begin(50, 5000, 4000, now=0.0)
    pace.step_ended(51, 1.0)
    assert pace.trained_seconds == 1001.0
    assert pace.rates(5100, 4030) == (100.0, 30.0)
    assert pace.seconds_left(60) == 9.0


@pytest.mark.parametrize(
    ("values", "width", "shown"),
    [
        ([], 5, ""),
        ([3.0], 5, "▁"),
        ([1, 1, 1], 5, "▁▁▁"),
        ([7, 0, 3.5], 5, "█▁▅"),
        ([0, 2, 4, 6, 8, 10, 14, 14], 4, "▁▃▅█"),
    ],
)
def test_sparkline(values, width, shown):
    assert sparkline(values, width) == shown


def test_the_status_line_drops_the_least_important_where_it_is_narrow():
    record = {
        "loss": 1.23456,
        "learning_rate": 2e-5,
        "tokens_per_second": 1234.4,
        "supervised_tokens_per_second": 567.0,
        "peak_memory_bytes": 3.1e9,
    }
    parts = words.status(12, 300, record, 3723)
    whole = "step 12/300  loss 1.235  1:02:03 left  1,234 tokens/s (567 supervised)  3.1 GB  lr 2.00e-05"
    assert view.fitted(parts, 120) == whole
    assert view.fitted(parts, 80) == whole.removesuffix("  lr 2.00e-05")
    assert view.fitted(parts, 5) == "step 12/300"
    lang.choose("zh")
    assert (
        view.fitted(words.status(12, 300, record, None), 26) == "第 12/300 步  损失 1.235"
    )  # each character two cells wide


def test_a_log_says_sparsely_what_keeps_the_run_waiting(monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(view.time, "monotonic", lambda: clock[0])
    lines = view.Lines()
    for number in range(1, 6):
        lines.show(["step 0/9", f"answering {number}/5"], [], False, False, True)
        clock[0] += 6
    lines.show(["step 1/9", "loss 2"], [2.0], True, False)  # the first numbers come at once
    lines.show(["step 1/9", "evaluating"], [2.0], False, False, True)
    shown = ["step 0/9  answering 1/5", "step 0/9  answering 3/5", "step 0/9  answering 5/5", "step 1/9  loss 2"]
    assert capsys.readouterr().err.splitlines() == shown


def test_the_first_question_is_said_when_it_is_asked(tmp_path, monkeypatch, capsys):
    from types import SimpleNamespace

    from zhinao.train.monitor.recorder import Recorder
    from zhinao.train.monitor.run_facts import RunFacts
    from zhinao.train.monitor.status import StatusLine

    monkeypatch.setattr(view, "opened", view.Lines)
    status = StatusLine(recorder := Recorder(RunFacts(tmp_path, "m")))
    recorder.pace.begin(0, 0, 0, now=0.0)
    status.on_train_begin(None, SimpleNamespace(global_step=0, max_steps=9, is_world_process_zero=True), None)
    status.doing("answering 1/5")  # at once after the line was drawn; the answer may take minutes
    assert "answering 1/5" in capsys.readouterr().err
    status.close()


def test_who_is_asked_to_stop_answers_no_further_question(tmp_path):
    from types import SimpleNamespace

    from zhinao.train.monitor.run_facts import RunFacts
    from zhinao.train.monitor.samples import Samples

    asked, state = [], SimpleNamespace(global_step=0, is_world_process_zero=True)
    facts = RunFacts(tmp_path, "m", prompts=("a", "b", "c"), answer=lambda prompt: asked.append(prompt) or "")
    samples = Samples(facts, SimpleNamespace(doing=lambda _: None), lambda: len(asked) == 2)
    samples.on_train_begin(None, state, None)
    samples.on_train_end(None, SimpleNamespace(global_step=1, is_world_process_zero=True), None)
    assert asked == ["a", "b"] and read(tmp_path / "samples.jsonl") == []  # half a row would be none


def test_a_loss_that_is_no_number_harms_nobody(tmp_path):
    """It is null in the file, and out of the curve."""
    from zhinao.train.monitor.recorder import Recorder
    from zhinao.train.monitor.run_facts import RunFacts

    recorder = Recorder(RunFacts(tmp_path, "m"))
    for loss in (2.0, float("nan"), None, 1.0):
        recorder.remember({"kind": "train", "step": 1, "loss": loss})
    assert recorder.losses == [2.0, 1.0]
    assert words.status(1, 2, {"loss": None, "learning_rate": None}, None) == ["step 1/2"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (3.0, "3"), (12345.0, "12,345"), (1234.5, "1,234"), (1.23456, "1.235"), (2e-5, "2.00e-05"),
     (float("nan"), "nan"), (float("-inf"), "-inf")],
)  # fmt: skip
def test_numbers_as_people_read_them(value, shown):
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00"), (65, "1:05"), (3600, "1:00:00"), (2 * 86400 + 3 * 3600 + 240, "2 d 03:04")]
)
def test_spans(seconds, shown):
    assert words.span(seconds) == shown


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 5, 10]),
        (0.62, 2.31, [0.5, 1.0, 1.5, 2.0, 2.5]),
        (0, 1e-5, [0, 5e-6, 1e-5]),
        (5, 5, [2, 4, 6, 8]),
        (0, 0, [-0.5, 0, 0.5]),
        (-3, 600, [-200, 0, 200, 400, 600]),
    ],
)
def test_ticks_are_round_and_hold_everything(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)
    assert ticks[0] <= low <= high <= ticks[-1]


def test_thinning_keeps_every_peak():
    points = [(step, float(step % 7)) for step in range(10_000)]
    points[4321] = (4321, 99.0)
    points[1234] = (1234, -99.0)
    kept = thinned(points)
    assert len(kept) <= MAX_POINTS and kept == sorted(kept) and set(kept) <= set(points)
    assert {(4321, 99.0), (1234, -99.0), points[-1]} <= set(kept)
    assert thinned(points[:MAX_POINTS]) == points[:MAX_POINTS]


def test_points_lie_where_their_numbers_say():
    import re

    svg = charts.lines("x", [Series("s", [(0, 0.0), (50, 5.0), (100, 10.0)], has_dots=True)])
    places = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)]
    (x0, y0), (x1, y1), (x2, y2) = places
    assert x1 - x0 == pytest.approx(x2 - x1) and y0 - y1 == pytest.approx(y1 - y2)
    assert x0 < x2 and y0 > y2


@pytest.mark.parametrize("lengths", [[], [1], [40] * 5, range(1, 2000), [3, 9, 9, 24]])
def test_each_length_is_in_one_bin(lengths):
    found = histogram(list(lengths))
    edges, counts = found["edges"], found["counts"]
    assert sum(counts) == len(lengths) and len(counts) <= 40
    assert not counts or len(edges) == len(counts) + 1
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        assert count == sum(low <= length < high for length in lengths)


def test_a_journal_keeps_every_character(tmp_path):
    """`str.splitlines` cut a sample answer at U+2028, and the rest of the file was lost."""
    journal = Journal(tmp_path / "samples.jsonl")
    records = [{"step": n, "text": "a\u2028b\x85c\x0cd\x1ce 智"} for n in range(3)]
    journal.begin(0)
    for record in records:
        journal.append(record)
    with (tmp_path / "samples.jsonl").open("ab") as file:
        file.write('{"step": 3, "text": "智'.encode()[:-1])  # killed in the middle of a character
    assert read(tmp_path / "samples.jsonl") == journal.begin(2) == records


def test_a_journal_is_cut_where_a_run_goes_on(tmp_path):
    journal = Journal(tmp_path / "log.jsonl")
    journal.begin(0)
    for step in (1, 2, 3):
        journal.append({"step": step, "loss": float("nan") if step == 2 else 1.0, "name": "损失"})
    journal.append({"step": 2, "kind": "end"})
    kept = journal.begin(2)
    assert (
        kept
        == read(journal.file)
        == [{"step": 1, "loss": 1.0, "name": "损失"}, {"step": 2, "loss": None, "name": "损失"}]
    )
    assert "损失" in journal.file.read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_journal_on_a_full_disk_is_a_sentence():
    with pytest.raises(DiskError, match=r"/dev/full: cannot be written \(the disk is full\)") as caught:
        Journal(Path("/dev/full")).append({"step": 1})
    assert "--resume auto" in caught.value.hint and caught.value.exit_code == 7


def test_a_bad_line_in_a_journal_ends_it(tmp_path):
    file = tmp_path / "log.jsonl"
    file.write_text('{"step": 1}\n{"ste')
    assert Journal(file).begin(5) == [{"step": 1}]
    assert file.read_text() == '{"step": 1}\n'


def test_one_is_no_many():
    assert [lang.counted(number, "step") for number in (0, 1, 2, 1234)] == [
        "0 steps",
        "1 step",
        "2 steps",
        "1,234 steps",
    ]
    assert (
        lang.counted(1, "process", "processes") == "1 process"
        and lang.counted(3, "process", "processes") == "3 processes"
    )


def test_what_a_run_reads_is_counted_in_words_that_fit():
    from types import SimpleNamespace

    import numpy as np

    from zhinao.data.encode.omitted import Omitted
    from zhinao.train.method import rows as documents
    from zhinao.train.run import Prepared

    def said(num: int) -> str:
        kept = SimpleNamespace(found=(), losses=Omitted())
        rows = documents.Rows(kept, [[n] for n in range(num)])
        return " ".join(
            documents.sentences(Prepared(rows, documents.Rows(kept, rows.rows), "", np.ones(num, int), num))
        )

    assert said(1) == "1 document in 1 row: 1 token, 1 of them trained. 1 document is held out for evaluation."
    assert said(7).startswith("7 documents in 7 rows: 7 tokens") and "7 documents are held out" in said(7)
