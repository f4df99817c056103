"""What a person writes on the page: values, the system prompt, drafts, files; with the back button, and where nothing can be kept."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.serve import browser
from tests.serve.fake_api import BREAK, answer, finish
from zhinao.serve.page import files

pytestmark = [
    pytest.mark.skipif(not (browser.BROWSER and browser.DRIVER), reason="no Chromium and chromedriver here"),
    pytest.mark.skipif(not (files.DIST / "index.html").is_file(), reason="the page is not built: make page"),
]


def draft(page):
    return page.js("return document.getElementById('message')?.value ?? ''")


def test_a_wrong_value_says_what_is_allowed_and_the_old_one_stays(page, api):
    page.click(".show-panel")
    field = page.wait_for("#parameter-temperature")
    field.send_keys("0.3", Keys.ENTER)
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("15")
    hint = "#parameter-temperature-hint"
    assert page.text(hint) == "Allowed: 0\u00a0…\u00a02. 0.3 stays."
    page.wait_for("#parameter-top_k").send_keys("1.5", Keys.TAB)
    assert page.text("#parameter-top_k-hint") == "Allowed: whole numbers, ≥\u00a0-1. 20 stays."
    overlaps = page.js(
        "const rows = [...document.querySelectorAll('.field')].map(e => e.getBoundingClientRect());"
        "return rows.some((row, n) => n && row.top < rows[n - 1].bottom - 1) ||"
        " [...document.querySelectorAll('.field .help')].some(e => e.getBoundingClientRect().bottom >"
        " e.parentElement.getBoundingClientRect().bottom + 1)"
    )
    assert not overlaps
    page.send("hi")
    assert (api.requests[0]["temperature"], api.requests[0].get("top_k")) == (0.3, None)
    field = page.wait_for("#parameter-temperature")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("０。５", Keys.ENTER)  # as an input method writes it
    assert page.text(hint) == "0 always takes the likeliest token"
    page.send("again")
    assert api.requests[1]["temperature"] == 0.5


def test_the_system_prompt_is_seen_and_an_old_conversation_keeps_its_own(page, api):
    page.click(".show-panel")
    page.wait_for("#system").send_keys("Be brief.")
    assert "Be brief." in page.text(".system-toggle")
    page.send("old")
    field = page.wait_for("#system")
    field.clear()
    field.send_keys("Be kind.")
    assert "Be brief." in page.text(".system-toggle")
    page.send("on")
    assert [body["messages"][0]["content"] for body in api.requests] == ["Be brief."] * 2
    page.click(".new-chat")
    assert "Be kind." in page.text(".system-toggle") and not page.has(".here")
    page.send("new")
    assert api.requests[2]["messages"][0]["content"] == "Be kind."
    page.click(".item .open[title=old]")
    page.wait(lambda: "Be brief." in page.text(".system-toggle"))
    page.click(".here")
    page.wait(lambda: "Be kind." in page.text(".system-toggle"))
    page.click(".system [aria-label^=Edit]")
    field = page.wait_for(".system textarea")
    field.clear()
    field.send_keys("Be exact.", Keys.ENTER)
    page.click(".system-toggle")
    assert page.text(".system-text") == "Be exact."
    page.driver.refresh()
    page.wait(lambda: "Be exact." in page.text(".system-toggle"))
    assert page.wait_for("#system").get_attribute("value") == "Be kind." if page.has("#system") else True


@pytest.fixture
def attach(page, tmp_path):
    """Chooses a file of some bytes by the button. It stays: the page reads it when it comes to it."""

    def choose(name, content):
        file = tmp_path / name
        file.write_bytes(content)
        page.js("HTMLInputElement.prototype.click = () => {}")  # no dialog of the system
        page.click(".attach")
        page.wait(lambda: page.all("input[type=file]"))[-1].send_keys(str(file))

    return choose


def test_text_files_go_along_with_a_question(page, api, attach):
    attach("笔记.txt", "智脑\r\n第二行\r\n".encode("gb18030"))
    page.wait(lambda: "笔记.txt" in page.text(".chips"))
    attach("picture.png", b"\x89PNG\r\n\x1a\n\0\0")
    page.wait(lambda: "picture.png is no text file" in page.text(".notice"))
    attach("other.txt", b"other")
    page.wait(lambda: len(page.all(".chip")) == 2)
    page.click("[aria-label='Remove other.txt']")
    page.send("What is it?")
    assert api.requests[0]["messages"][0]["content"] == "笔记.txt\n```\n智脑\n第二行\n```\n\nWhat is it?"
    assert page.texts(".user .said") == ["What is it?"] and not page.all(".composer .chip")
    page.click(".user .chip")
    assert page.text(".said.file") == "智脑\n第二行\n"
    page.driver.refresh()
    page.wait(lambda: "笔记.txt" in page.text(".user .chip"))
    page.send("And?")
    assert "第二行" in api.requests[1]["messages"][0]["content"]


def test_a_file_that_is_dropped_is_attached(page, api):
    page.js(
        "const data = new DataTransfer(); data.items.add(new File(['dropped'], 'd.txt'));"
        "document.querySelector('main').dispatchEvent("
        "new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))"
    )
    page.wait(lambda: "d.txt" in page.text(".chips"))


def test_a_draft_is_found_after_a_reload_with_its_files(page, api, attach):
    attach("notes.txt", b"some notes")
    page.wait(lambda: page.has(".chip"))
    page.type("half a quest")
    page.driver.refresh()
    page.wait(lambda: draft(page) == "half a quest" and "notes.txt" in page.text(".chips"))
    page.send("ion")
    assert api.requests[0]["messages"][0]["content"].endswith("half a question")
    page.driver.refresh()
    page.wait_for(".markdown")
    assert draft(page) == ""


def test_long_text_is_pasted_whole(page, api):
    text = "第几行，很长的一段。\n" * 20_000
    page.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.wait_for("#message").click()
    page.js("return navigator.clipboard.writeText(arguments[0])", text)
    page.chord(Keys.CONTROL, "v")
    page.wait(lambda: len(draft(page)) == len(text))
    page.press(Keys.ENTER)
    page.wait_done()
    assert api.requests[0]["messages"][0]["content"] == text.strip()
    assert page.js("return document.querySelector('.messages').innerText.length") < 3000


def test_back_goes_to_the_conversation_before(page, api):
    page.send("one")
    page.click(".new-chat")
    page.send("two")
    page.driver.back()
    page.wait(lambda: page.texts(".said") == ["one"])
    page.click(".item .open[title=two]")
    page.wait(lambda: page.texts(".said") == ["two"])
    page.driver.back()
    page.wait(lambda: page.texts(".said") == ["one"])
    page.driver.forward()
    page.wait(lambda: page.texts(".said") == ["two"])


def test_back_closes_a_drawer_on_a_phone(page, api):
    try:
        page.command("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False)
        page.send("one")
        for opens, drawer in ((".show-panel", "#panel"), (".show-sidebar", "#sidebar")):
            page.click(opens)
            page.wait_for(drawer)
            page.driver.back()
            page.wait(lambda closed=drawer: not page.has(closed))
            assert page.texts(".said") == ["one"]
        page.click(".show-panel")
        page.wait_for("#panel")
        page.press(Keys.ESCAPE)
        page.wait(lambda: not page.has("#panel"))
    finally:
        page.command("Emulation.clearDeviceMetricsOverride")


def test_a_browser_that_keeps_nothing_can_chat(page, api):
    shut = "Object.defineProperty(window, 'NAME', {get() { throw new DOMException('shut', 'SecurityError'); }});"
    source = "".join(shut.replace("NAME", name) for name in ("indexedDB", "localStorage", "sessionStorage"))
    script = page.command("Page.addScriptToEvaluateOnNewDocument", source=source)["identifier"]
    try:
        page.visit()
        assert "keeps nothing" in page.text(".notice")
        page.send("one")
        page.click(".new-chat")
        page.send("two")
        page.click(".item .open[title=one]")
        page.wait(lambda: page.texts(".said") == ["one"])
        assert page.troubles() == []
    finally:
        page.command("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
        page.visit()


def test_a_full_browser_says_so_once_and_the_conversation_goes_on(page, api):
    page.js(
        "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };"
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"
        "window.notes = 0; new MutationObserver(() => notes++).observe(document.querySelector('.notice'), {childList: true})"
    )
    page.send("one")
    page.send("two")
    assert page.texts(".said") == ["one", "two"] and page.js("return notes") == 1
    page.click(".new-chat")
    page.send("three")
    page.click(".item .open[title=one]")
    page.wait(lambda: page.texts(".said") == ["one", "two"])


def test_a_server_that_was_away_is_met_again(page, api):
    api.play(answer("What had come"), 0.1, BREAK)
    api.num_loading = 1
    page.send("go")
    page.wait(lambda: page.text(".banner") == "The model is being loaded.")
    page.wait(lambda: not page.has(".banner"))
    page.click(".retry")
    page.wait(lambda: page.answers == ["Good."])


def test_everything_by_the_keyboard(page, api):
    """Typing begins at once; what is asked first comes after Tab in the order of the screen."""
    page.press("hello")
    assert draft(page) == "hello"
    page.press(Keys.ENTER)
    page.wait_done()
    page.chord(Keys.CONTROL, "k")
    page.press("hello")
    page.wait(lambda: page.texts(".item .title mark") == ["hello"])
    page.press(Keys.TAB)
    page.press(Keys.ENTER)
    page.wait(lambda: page.js("return document.activeElement.id") == "message")
    api.play(answer("again"), finish())
    page.press("more", Keys.ENTER)
    page.wait(lambda: page.answers == ["Good.", "again"])
