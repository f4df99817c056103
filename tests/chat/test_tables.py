"""Tables and lines in the terminal lose no character, at any width. Rendered in this process; nothing is pressed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from zhinao.chat.markdown import markdown
from zhinao.chat.wrap import line_starts, unbreakable

FORTY = "这是一个有四十个汉字的单元格用来检验在八十列的终端里面表格会不会把后面的字丢掉真的"
TABLES = {
    "chinese": f"| 模型 | 说明 | 价格 |\n|:--|:-:|--:|\n| 智脑 | {FORTY} | 1,234 元 |\n| 短 | 好 | 5 元 |\n",
    "word": "| name | b |\n|---|---|\n| " + "an_identifier_without_spaces" * 4 + " | short |\n",
    "rich": "| a | b |\n|---|---|\n| **粗** `x = [1, 2]` | [链接](https://example.com/a/path) 😀👨‍👩‍👧 |\n| `List<String>` | 甲<br>乙 <u>丙</u> |\n",
    "many": "|"
    + "|".join(f"列{n}" for n in range(12))
    + "|\n|"
    + "---|" * 12
    + ("\n|" + "数据内容与 words|" * 12) * 2
    + "\n",
}


def rendered(text: str, width: int) -> list[str]:
    console = Console(width=width, color_system=None, force_terminal=True, highlight=False)
    with console.capture() as captured:
        console.print(markdown(text))
    return captured.get().split("\n")


@pytest.mark.parametrize("width", [20, 39, 79, 159])
@pytest.mark.parametrize("name", TABLES)
def test_no_cell_loses_a_character(name, width):
    lines = rendered(TABLES[name], width)
    assert max(map(cell_len, lines)) <= width
    cells = TABLES[name].split("\n", 1)[0] + TABLES[name].split("\n", 2)[2]
    for mark in ("|", "**", "`", "<br>", "]("):
        cells = cells.replace(mark, "")
    cells = cells.replace("[链接", "链接")
    missing = Counter("".join(cells.split())) - Counter("".join("".join(lines).split()))
    assert not missing and "…" not in "".join(lines)


def test_columns_are_aligned_by_their_marks():
    lines = [
        line.rstrip() for line in rendered("| l | c | r |\n|:--|:-:|--:|\n| left | mid | 1 |\n| x | y | 10,000 |\n", 79)
    ]
    assert " x      y   10,000" in lines
    assert " left  mid       1" in lines


def test_columns_too_narrow_to_read_become_a_list_of_rows():
    lines = [line.rstrip() for line in rendered(TABLES["many"], 39)]
    assert lines[1:3] == ["列0  数据内容与 words", "列1  数据内容与 words"]
    assert lines.count("") == 3  # before, between and after
    assert any("───" in line for line in rendered(TABLES["many"], 199))


def test_text_without_spaces_is_no_word():
    assert unbreakable("汉字一二三") == 2 and unbreakable("a汉bcd字") == 3
    text = "智脑 是一个很长的句子，没有空格。"
    lines = [text[a:b] for a, b in zip([0, *line_starts(text, 9)], [*line_starts(text, 9), None], strict=True)]
    assert lines == ["智脑 是一", "个很长的", "句子，没", "有空格。"]  # filled from the first word on
    assert line_starts("很长的句子，没有", 10) == [4]  # no line begins with a comma


@given(st.text(st.sampled_from("汉字，。（）a b-é😀👩‍👧\u0301“”…"), max_size=40), st.integers(2, 20))
def test_lines_are_never_wider_than_the_screen(text, width):
    starts = line_starts(text, width)
    parts = [text[a:b] for a, b in zip([0, *starts], [*starts, len(text)], strict=True)]
    assert "".join(parts) == text and starts == sorted(set(starts))
    assert all(cell_len(part.rstrip()) <= width for part in parts)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("a List<String> b", "a List<String> b"),
        ("<div>\n正文\n</div>", "<div>\n正文\n</div>"),
        ("甲<br>乙", "甲\n乙"),
        ("`a<br>b`", "a<br>b"),
        ("[^1]: 脚注", "[^1]: 脚注"),
        ("![图](http://x/y.png)", "🖼 图 (http://x/y.png)"),
        ("<details><summary>摘要</summary>内容</details>", "<details><summary>摘要</summary>内容</details>"),
    ],
)
def test_what_markdown_would_swallow_is_shown(said, seen):
    assert "\n".join(line.rstrip() for line in rendered(said, 79)).strip() == seen
