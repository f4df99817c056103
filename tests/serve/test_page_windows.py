"""The page in two windows of one browser: what one does, the other knows, and neither undoes the other's work."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.serve import browser
from tests.serve.fake_api import WAIT, answer, finish, thought
from zhinao.serve.page import files

pytestmark = [
    pytest.mark.skipif(not (browser.BROWSER and browser.DRIVER), reason="no Chromium and chromedriver here"),
    pytest.mark.skipif(not (files.DIST / "index.html").is_file(), reason="the page is not built: make page"),
]


def begin(page, api, *steps):
    """An answer that has begun and waits for `release()`."""
    api.play(answer("Half an"), WAIT, *steps, finish())
    page.begin("first")
    page.wait(lambda: page.answers == ["Half an"])


def test_an_answer_that_runs_in_one_window_runs_in_the_other(page, api):
    api.play(thought("hm"), WAIT, answer("Whole."), finish())
    page.begin("first")
    page.wait(lambda: page.text(".thought-text") == "hm")
    with page.another_window():
        page.wait(lambda: page.text(".thought-text") == "hm")
        assert page.has(".stop") and page.has(".answer-now") and not page.has(".go-on") and page.all(".pulse")
        api.release()
        page.wait(lambda: page.answers == ["Whole."])
        page.wait_done()
        assert not page.has(".reason") and page.text(".figures").startswith("63 tokens")
        assert not page.all(".pulse")


def test_what_is_asked_in_one_window_comes_in_the_other(page, api):
    page.send("first")
    with page.another_window() as (first, second):
        page.wait(lambda: page.answers == ["Good."])
        page.window(first)
        api.play(answer("Half an"), WAIT, answer(" answer."), finish())
        page.begin("second")
        page.wait(lambda: len(page.all(".user")) == 2)
        page.window(second)
        page.wait(lambda: page.answers == ["Good.", "Half an"])
        page.begin("third")  # one answer at a time: what was typed stays
        assert page.js("return document.getElementById('message').value") == "third"
        api.release()
        page.wait(lambda: page.answers == ["Good.", "Half an answer."])
        page.wait_done()
        page.press(Keys.ENTER)
        page.wait(lambda: len(page.answers) == 3)
        page.wait_done()
        page.window(first)
        page.wait(lambda: page.answers == ["Good.", "Half an answer.", "Good."])
    assert set(page.kept()) == {"first", "Good.", "second", "Half an answer.", "third"}


def test_windows_that_know_nothing_of_each_other_lose_nothing(page, api):
    """As in a browser without the channel: B takes the answer for stopped, and asks on."""
    begin(page, api, answer(" answer."))
    page.wait(lambda: "Half an" in page.kept())
    with page.another_window(before="delete window.BroadcastChannel;") as (first, _):
        page.wait(lambda: page.has(".go-on"))
        page.send("second")
        page.window(first)
        api.release()
        page.wait(lambda: page.answers == ["Half an answer."])
        page.wait_done()
    assert set(page.kept()) == {"first", "Half an answer.", "second", "Good."}


def test_the_other_window_can_stop_an_answer_and_close_its_thought(page, api):
    begin(page, api)
    with page.another_window() as (first, _):
        page.click(".stop")
        page.wait(lambda: page.text(".reason") == "Stopped.")
        page.window(first)
        page.wait(lambda: page.text(".reason") == "Stopped.")
    page.wait(lambda: api.num_left == 1)


def test_an_answer_whose_window_is_closed_was_stopped(page, api):
    with page.another_window() as (first, second):
        begin(page, api)
        address = page.driver.current_url
        page.window(first)
        page.driver.get(address)
        page.wait(lambda: page.answers == ["Half an"] and page.has(".stop"))
        page.window(second)
        page.driver.close()
        page.window(first)
        page.wait(lambda: page.has(".go-on") and page.answers == ["Half an"])
        assert page.text(".reason") == "Stopped."


def test_a_conversation_that_another_window_deletes_is_gone(page, api):
    begin(page, api)
    with page.another_window() as (first, _):
        page.menu(".item .icon-button", "Delete")
        page.click("dialog .main")
        page.wait(lambda: not page.all(".item") and not page.answers)
        page.window(first)
        page.wait(lambda: not page.all(".item") and not page.answers)
        assert "#" not in page.driver.current_url
    page.wait(lambda: api.num_left == 1)
    assert page.kept() == []


def test_settings_of_one_window_hold_in_the_other(page, api):
    with page.another_window() as (first, second):
        page.click(".show-panel")
        page.wait_for("#parameter-top_k").send_keys("5", Keys.ENTER)
        page.window(first)
        page.click(".language")
        page.window(second)
        page.wait(lambda: page.wait_for("#message").get_attribute("placeholder") == "问点什么")
        assert page.wait_for("#parameter-top_k").get_attribute("value") == "5"
        page.wait_for("#parameter-seed").send_keys("7", Keys.ENTER)
        page.window(first)
        page.send("hi")
    assert (api.requests[0]["top_k"], api.requests[0]["seed"]) == (5, 7)
