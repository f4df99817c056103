"""The report of a run: which number is held against which, what is not held against any, and that nothing of a model's text runs."""

import io
from contextlib import redirect_stdout

import pytest

from zhinao import lang
from zhinao.evaluate.report import files, markdown, page, phrases, rows, terminal
from zhinao.evaluate.report.verdict import AGREES, HIGHER, LOWER


def task(score: float, num: int = 295, whole: int = 295, **more) -> dict:
    half = 0.02
    return {"title": "T", "score": score, "num_items": num, "interval": [score - half, score + half], "protocol": "P",
            "mode": "ppl", "scale": 100.0, "num_items_whole": whole, "seconds": 3.0, **more}  # fmt: skip


def results(**tasks) -> dict:
    return {"model": "360Zhinao3-7B", "version": "0", "time": "now", "settings": {"seed": 42},
            "tasks": {name.replace("_", "-"): one for name, one in tasks.items()}}  # fmt: skip


@pytest.fixture(autouse=True)
def english():
    lang.choose("en")
    yield
    lang.choose(None)


def test_the_rows_column_is_the_released_models_and_peers_are_the_others():
    (row,) = rows.of(results(arc_c=task(0.8814)))
    assert (row.column, row.published, row.verdict) == ("360Zhinao3-7B", 88.14, AGREES)
    assert row.peers["glm4-9b"] == 94.92 and row.column not in row.peers


def test_a_model_that_the_table_names_is_held_against_its_own_column():
    (row,) = rows.of({**results(arc_c=task(0.80, whole=2950, num=2950)), "model": "Qwen/Qwen2.5-7B"})
    assert (row.column, row.published, row.verdict) == ("Qwen2.5-7B", 80.0, AGREES)


@pytest.mark.parametrize(("score", "said"), [(0.5, LOWER), (0.99, HIGHER)])
def test_far_off_is_said(score, said):
    assert rows.of(results(arc_c=task(score)))[0].verdict == said


def test_a_part_says_of_how_many():
    (row,) = rows.of(results(arc_c=task(0.25, num=20)))
    assert row.published == 88.14
    assert phrases.said(row) == "lower, on 20 of 295 items"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("arc-c@ppl", task(0.88)),
        ("mt-bench", task(0.8, mode="judged", scale=10.0, judge="some-judge")),
        ("commonsense-qa", task(0.7, protocol="like theirs; NOT its examples")),
    ],
)
def test_what_differs_is_not_compared_and_says_why(name, found):
    (row,) = rows.of({"model": "m", "tasks": {name: found}})
    assert row.verdict is None and row.published is not None
    assert phrases.said(row).startswith("not comparable with the published number: ")


def test_printed_scales_may_differ():
    (row,) = rows.of({"model": "m", "tasks": {"ifeval": task(0.626, scale=100.0, whole=541)}})
    assert (phrases.score(row), phrases.printed(row), row.verdict) == ("0.626", "0.626", AGREES)


def test_averages_need_every_row_and_no_variant():
    found = rows.of(results(ceval=task(0.8), cmmlu=task(0.8), c3=task(0.8), lcsts=task(0.2), eprstmt_dev=task(0.9)))
    (_, chinese, theirs, _), (_, every, recomputed, _) = phrases.averages(found)
    assert (chinese, every) == (pytest.approx(70.0), None)
    assert (round(theirs, 2), round(recomputed, 2)) == (74.20, 74.05)
    variant = rows.of({"model": "m", "tasks": {"ceval@gen": task(0.8)}})
    assert phrases.averages(variant) == []


def test_suites_share_no_average():
    assert phrases.averages(rows.of(results(aime24=task(0.5)))) == []


def test_cfbench_has_a_row_a_measure():
    measures = {
        name: {"score": score, "interval": [score, score]} for name, score in (("csr", 0.8), ("isr", 0.5), ("psr", 0.6))
    }
    found = rows.of(
        {"model": "m", "tasks": {"cfbench": task(0.8, mode="judged", scale=1.0, judge="j", measures=measures)}}
    )
    assert [(row.name, row.score, row.published) for row in found] == [
        ("cfbench:csr", 0.8, 0.83),
        ("cfbench:isr", 0.5, 0.52),
        ("cfbench:psr", 0.6, 0.64),
    ]
    assert "cfbench:isr" in page.html({"model": "m", "tasks": {"cfbench": found[0].task}}, [])


HOSTILE = '</pre><script>alert(1)</script><img src=x onerror="alert(2)">'


def test_text_of_models_is_escaped():
    record = {"task": "arc-c", "id": HOSTILE, "grade": 0.0, "output": HOSTILE, "extracted": HOSTILE, "gold": HOSTILE}
    text = page.html({**results(arc_c=task(0.8)), "model": HOSTILE}, [record])
    assert "<script>alert" not in text and "<img" not in text
    assert text.count("<script>") == 1  # our own
    assert "<script" not in markdown.text({**results(arc_c=task(0.8)), "model": HOSTILE})


def test_the_page_is_bounded_and_says_so():
    records = [{"task": "arc-c", "id": str(n), "grade": n % 2, "output": "x" * 9000} for n in range(2000)]
    text = page.html(results(arc_c=task(0.8)), records)
    assert text.count('class="item ') == 400 == text.count('class="item wrong"')
    assert "400 of 2000 answers" in text and "x" * 4001 not in text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 80, 160])
def test_lines_stay_within_the_terminal(language, width):
    from rich.cells import cell_len

    lang.choose(language)
    printed = io.StringIO()
    with redirect_stdout(printed):
        terminal.show(results(arc_c=task(0.25, num=20, num_cut_off=3), ceval=task(0.8)), width)
    assert "88.14" in printed.getvalue()
    assert max(map(cell_len, printed.getvalue().splitlines())) <= width


def test_files_stand_beside_the_results(tmp_path):
    for file in files.write(tmp_path, results(arc_c=task(0.8), own=task(0.4))):
        assert "88.14" in file.read_text(encoding="utf-8")


def test_results_of_lm_eval_need_no_more_than_a_score():
    found = {
        "model": "m",
        "tasks": {
            "mmlu": {"score": 0.5, "num_items": 4, "interval": None, "protocol": "lm-eval"},
            "group": {"score": None, "num_items": 0, "interval": None, "protocol": "lm-eval"},
        },
    }
    assert "50.00" in markdown.text(found) and "<h1>" in page.html(found, [])


def test_a_run_ends_with_its_report_in_files_and_on_the_terminal(tmp_path, capsys):
    from zhinao.evaluate.commands import running
    from zhinao.evaluate.run.store import Store

    with Store(tmp_path, {"model": "m"}) as store:
        store.add({"task": "arc-c", "id": "1", "prompt_hash": "0", "grade": 1.0, "output": "unlikely words"})
        store.write_results(results(arc_c=task(0.8, num=1)))
    assert running._ended(tmp_path, False, [], False) == 0
    assert "88.14" in capsys.readouterr().out
    assert "88.14" in (tmp_path / files.MARKDOWN).read_text(encoding="utf-8")
    assert "unlikely words" in (tmp_path / files.HTML).read_text(encoding="utf-8")
