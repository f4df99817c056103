"""The publisher's tables as data: every cell against the README itself, averages from rows, what a printed number can mean."""

import re

import pytest

from zhinao.evaluate import published, tasks
from zhinao.evaluate.published import BASE, INSTRUCT, THINKING
from zhinao.family import RELEASES


@pytest.fixture(scope="module")
def page(shared) -> str:
    file = shared / "upstream" / "360zhinao3-README.md"
    if not file.exists():
        pytest.skip(f"the publisher's README is not there: {file}")
    return file.read_text(encoding="utf-8")


def html_rows(page: str) -> list[list[str]]:
    """Of the first table after the heading: its cells without marks; the column that spans rows is left out."""
    table = page[page.index("## 基础模型效果") :].split("<table>")[1].split("</table>")[0]
    rows = [re.findall(r"<td(?: [^>]*)?>(.*?)</td>", row) for row in table.split("<tr>")[1:]]
    return [[re.sub("<.*?>", "", cell) for cell in row][-10:] for row in rows]


def markdown_rows(page: str, heading: str) -> list[list[str]]:
    section = page[page.index(heading) :]
    lines = [line for line in section.split("\n## ")[0].split("\n# ")[0].split("\n") if line.startswith("|")]
    return [[cell.strip().strip("*") for cell in line.strip().strip("|").split("|")] for line in lines]


def test_the_base_table_is_the_readme_s(page):
    header, *rows = html_rows(page)
    assert tuple(header[2:]) == BASE.models
    read = {row[0]: (row[1], tuple(map(float, row[2:]))) for row in rows}
    averages = {name: read.pop(name)[1] for name in ("avg_zh", "avg_all")}
    assert averages == published.PRINTED_AVERAGES
    assert {BASE.titles[row]: values for row, values in BASE.rows.items()} == {
        name: values for name, (_, values) in read.items()
    }
    assert {name for name, (language, _) in read.items() if language == "zh"} == {
        BASE.titles[row] for row in published.CHINESE_ROWS
    }


def test_the_instruct_table_is_the_readme_s(page):
    _, _, *rows = markdown_rows(page, "## Instruct模型效果")
    assert tuple(row[0] for row in rows) == INSTRUCT.models
    for row, (mt_bench, ifeval, csr, isr, psr) in ((row[0], map(float, row[1:])) for row in rows):
        assert INSTRUCT.column(row) == {
            "mt-bench": mt_bench,
            "ifeval": ifeval,
            "cfbench:csr": csr,
            "cfbench:isr": isr,
            "cfbench:psr": psr,
        }


def test_the_table_of_long_thoughts_is_the_readme_s(page):
    header, _, *rows = markdown_rows(page, "## 长思维链模型效果")
    assert header[3:] == ["AIME24", "AIME25", "GPQA Diamond"] and tuple(row[0] for row in rows) == THINKING.models
    for row in rows:
        assert list(THINKING.column(row[0]).values()) == list(map(float, row[3:]))


def test_rows_are_tasks_of_ours_and_columns_are_released_models():
    written_elsewhere = {"humaneval", "mbpp", "ifeval", "mt-bench", "cfbench"}
    for table in published.TABLES.values():
        assert {row.split(":")[0] for row in table.rows} - written_elsewhere <= set(tasks.names())
        assert all(len(values) == len(table.models) for values in table.rows.values())
    columns = {model for table in published.TABLES.values() for model in table.models}
    assert set(published.OURS.values()) <= columns
    assert set(published.OURS) <= {release.short for release in RELEASES}


def test_averages_follow_from_rows_but_for_one():
    for index, model in enumerate(BASE.models):
        mean = published.averages(BASE.column(model))
        assert round(mean["avg_zh"], 2) == pytest.approx(published.PRINTED_AVERAGES["avg_zh"][index], abs=0.011)
        if model != "360Zhinao3-7B":
            assert round(mean["avg_all"], 2) == pytest.approx(published.PRINTED_AVERAGES["avg_all"][index], abs=0.011)
    assert round(mean["avg_all"], 2) == 74.05 and published.PRINTED_AVERAGES["avg_all"][-1] == 74.83
    assert "74.05" in published.average_note()


def test_no_average_while_a_row_is_missing():
    column = BASE.column("360Zhinao3-7B")
    del column["gsm8k"]
    assert published.averages(column)["avg_all"] is None and published.averages(column)["avg_zh"] is not None


@pytest.mark.parametrize(
    "row",
    [
        "arc-c",
        "arc-e",
        "wic",
        "wsc",
        "boolq",
        "commonsense-qa",
        "c3",
        "race-middle",
        "race-high",
        "eprstmt-dev",
        "lambada",
        "hellaswag",
        "siqa",
        "math",
        "gsm8k",
    ],
)
def test_every_published_share_is_a_whole_number_of_our_items(row):
    num_items = tasks.find(row).num_items
    assert all(published.counts(value, 2, num_items) for value in BASE.rows[row])
    assert not all(published.counts(value, 2, num_items // 3 + 1) for value in BASE.rows[row])


def test_printed_numbers_are_rounded_or_cut_off():
    # 339 of 541 is 0.62662: cut off it is the printed 0.626, and rounded 0.627.
    assert list(published.counts(0.626, 3, 541, scale=1)) == [339]
    assert list(published.counts(84.83, 2, 567)) == [481]
    assert published.is_equal(339 / 541, 0.626, 3) and published.is_equal(339 / 541, 0.627, 3)
    assert not published.is_equal(338 / 541, 0.626, 3)
    assert list(published.counts(50.0, 2, 3)) == []
    low, high = published.span(54.2, 1)
    assert (low, high) == pytest.approx((54.15, 54.3))


def test_what_the_table_does_not_have():
    assert BASE.value("nobody", "mmlu") is None and BASE.value("360Zhinao3-7B", "nothing") is None
    assert BASE.value("360Zhinao3-7B", "mmlu") == 75.42
