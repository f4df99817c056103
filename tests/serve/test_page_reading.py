"""What the page shows: tables on a phone, long questions, search, figures, and errors in the reader's language."""

import re

import pytest
from selenium.webdriver.common.keys import Keys

from tests.serve import browser
from tests.serve.fake_api import WAIT, answer, finish, refusal
from zhinao.serve.page import files

pytestmark = [
    pytest.mark.skipif(not (browser.BROWSER and browser.DRIVER), reason="no Chromium and chromedriver here"),
    pytest.mark.skipif(not (files.DIST / "index.html").is_file(), reason="the page is not built: make page"),
]

TABLE = """参数取 `[1, 2]`：

| 特性 | 传输控制协议 | 用户数据报协议 | 说明 |
| --- | --- | --- | --- |
| 连接方式 | 面向连接，通信之前需要通过三次握手建立连接 | 无连接，直接发送数据报 | 两者的根本区别在于是否先建立连接 |
| 例子 `[1, 2]` | 网页浏览、文件传输、电子邮件等场景 | 视频会议、在线游戏 | 各有所长，按需要选择 |
"""


@pytest.fixture
def screen(page):
    """Sets the size of the window's inside."""

    def set_to(width, height):
        page.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    yield set_to
    page.command("Emulation.clearDeviceMetricsOverride")


def lines_of(page, selector):
    """How many lines each element's text takes."""
    return page.js(
        "return [...document.querySelectorAll(arguments[0])].map(e => { const range = new Range();"
        " range.selectNodeContents(e); return new Set([...range.getClientRects()].map(r => Math.round(r.top))).size; })",
        selector,
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_short_cells_and_code_stay_in_one_line(page, api, screen, width):
    screen(width, 844)
    api.play(answer(TABLE), finish())
    page.begin("table")
    page.wait_done()
    assert set(lines_of(page, ".markdown code")) == {1}
    assert set(lines_of(page, ".markdown tr:first-child td:first-child, .markdown th")) == {1}
    narrowest = page.js("return Math.min(...[...document.querySelectorAll('td.is-long')].map(e => e.clientWidth))")
    assert narrowest >= 7 * 14.5  # seven characters
    assert page.js("return document.documentElement.scrollWidth") <= width


def test_an_empty_page_begins_at_its_beginning(page, api, screen):
    screen(640, 400)  # 1280 x 800 at 200 %
    page.visit()
    assert page.js("return document.querySelector('.scroller').scrollTop") == 0
    top = page.js("return document.querySelector('.empty .mark').getBoundingClientRect().top")
    assert top >= page.js("return document.querySelector('.top').getBoundingClientRect().bottom")


def test_a_long_question_is_folded(page, api):
    text = "\n".join(f"line {n}" for n in range(400))
    page.js(
        "const f = document.getElementById('message'); f.value = arguments[0]; f.dispatchEvent(new Event('input'))",
        text,
    )
    page.wait_for("#message").send_keys(Keys.ENTER)
    page.wait_done()
    assert api.requests[0]["messages"][0]["content"] == text
    assert page.js("return document.querySelector('.said').offsetHeight") < 300
    assert page.text(".unfold") == "Show all 3,489 characters"
    page.click(".unfold")
    assert page.text(".said").endswith("line 399") and page.text(".unfold") == "Show less"
    assert page.js("return document.activeElement.className") == "unfold"
    page.click(".unfold")
    assert page.js("return document.querySelector('.said').offsetHeight") < 300


def test_search_shows_what_it_found_and_goes_there(page, api):
    text = "在一个很长的句子里，前面有许多许多的字。" * 3 + "最后才出现熊猫这个词。"
    api.play(answer("\n\n".join(["…"] * 60 + [text] + ["…"] * 60)), finish())
    page.send("动物")
    api.play(answer("no such word"), finish())
    page.click("[aria-label=Regenerate]")  # the word is on the other branch
    page.wait_done()
    page.click(".new-chat")
    page.wait_for("#search").send_keys("熊猫")
    page.wait(lambda: page.texts(".item .place mark") == ["熊猫"])
    shown = page.js(
        "const m = document.querySelector('.item mark').getBoundingClientRect(), p = document.querySelector('.item .place')"
        ".getBoundingClientRect(); return m.right <= p.right && m.bottom <= p.bottom"
    )
    assert shown
    page.click(".item .open")
    page.wait(lambda: page.text(".assistant .versions-count") == "1/2")
    assert page.js("return CSS.highlights.get('found').size") == 1
    place = page.js("return [...CSS.highlights.get('found')][0].getBoundingClientRect().top")
    assert 60 < place < 600
    page.wait_for("#search").send_keys(Keys.ESCAPE)
    page.wait(lambda: not page.js("return CSS.highlights.has('found')"))


def test_search_waits_for_the_input_method(page, api):
    page.send("你好")
    page.wait_for("#search").click()
    page.command("Input.imeSetComposition", text="ni", selectionStart=2, selectionEnd=2)
    assert page.texts(".item .title") == ["你好"]  # "ni" would not be found
    page.command("Input.insertText", text="你")
    page.wait(lambda: page.texts(".item .title mark") == ["你"])


def test_figures_of_an_answer_that_was_continued(page, api):
    api.play(answer("The first half"), finish("length"))
    page.send("go")
    assert page.text(".figures").startswith("63 tokens")
    api.play(answer(" and the second."), finish())
    page.click(".go-on")
    page.wait(lambda: page.answers == ["The first half and the second."])
    page.wait_done()
    assert page.text(".figures") == "126 tokens · 31.5 tokens/s · context 84 of 32,768"


def test_while_an_answer_comes_its_pace_and_a_caret_are_shown(page, api):
    api.play(WAIT, finish())
    page.begin("wait")
    page.wait(lambda: re.fullmatch(r"waiting · \d s", page.text(".pace")))
    page.press(Keys.ESCAPE)
    page.wait_done()
    page.click(".new-chat")
    api.play(*[step for word in "abcdef" for step in (answer(word), 0.05)], WAIT, finish())
    page.begin("go")
    page.wait(lambda: re.fullmatch(r"≈ 6 tokens · [\d.]+ tokens/s", page.text(".pace")))
    caret = "return getComputedStyle(document.querySelector('.markdown p'), '::after').width"
    assert page.js(caret) != "auto"
    api.release()
    page.wait_done()
    assert page.text(".pace") == "" and page.js(caret) == "auto"


def test_errors_are_told_once_in_the_readers_language(page, api):
    words = "This model's maximum context length is 4096 tokens; the prompt has 5000. The prompt has 5000 tokens."
    api.play(refusal(400, words, "context_length_exceeded"))
    page.begin("long")
    english = (
        "The conversation has 5,000 tokens; the model's context holds 4,096. Shorten the message, or begin a new chat."
    )
    assert page.wait_for(".trouble p").text == english
    page.click(".language")  # what is shown already is told anew
    page.wait(lambda: page.text(".trouble p").startswith("这段对话有 5,000 个 token"))
    api.play(refusal(400, "temperature is 9."))
    page.click(".retry")
    page.wait(lambda: page.text(".trouble p") == "服务器拒绝了请求（400）：temperature is 9.")
    assert api.languages[0] == "en" and api.languages[1].startswith("zh-CN")
