import re

import pytest
from rich.cells import cell_len

from zhinao import lang
from zhinao.chat.status import status


@pytest.fixture(params=["en", "zh"])
def language(request):
    lang.choose(request.param)
    yield request.param
    lang.choose(None)


@pytest.mark.parametrize("width", range(1, 100))
@pytest.mark.parametrize("name", ["7b", "qwen2.5-coder-0.5b-instruct-q4_k_m"])
def test_no_number_is_cut(language, name, width):
    line = status(name, "int8", 8, 32_768, 19.4, width)
    assert cell_len(line) <= width
    assert set(re.findall(r"[\d,]*\d", line.replace(name, "").replace("int8", ""))) <= {"8", "32,768", "32,760", "19"}
    if width >= 13:
        assert "32,760" in line


def test_what_is_said_at_40_and_80_columns(language):
    zh = language == "zh"
    assert status("qwen2.5-0.5b", "int8", 8, 32_768, 19.4, 39) == (
        "qwen2.5-0.5b · 剩余 32,760" if zh else "qwen2.5-0.5b · 32,760 left"
    )
    assert status("7b", "int8", 8, 32_768, 19.4, 79) == (
        "7b · int8 · 上下文 8 / 32,768，剩余 32,760 · 19 tokens/s"
        if zh
        else "7b · int8 · context 8 / 32,768, 32,760 left · 19 tokens/s"
    )
