"""The web page in real Chromium, in front of a scripted server, and once in front of ours."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.chat.fake_engine import fake_model
from tests.serve import browser
from tests.serve.fake_api import BREAK, WAIT, answer, event, finish, refusal, thought
from tests.serve.running_server import running, wait_for
from tests.serve.test_real_server import serving as real_server
from zhinao import family
from zhinao.serve.page import files

PAGE = Path(__file__).parents[2] / "page"

pytestmark = [
    pytest.mark.skipif(not (browser.BROWSER and browser.DRIVER), reason="no Chromium and chromedriver here"),
    pytest.mark.skipif(not (files.DIST / "index.html").is_file(), reason="the page is not built: make page"),
]


# Asking and answering ------------------------------------------------------------------------------------------------


def test_an_answer_streams_with_its_thought(page, api):
    api.play(
        thought("Let me "),
        thought("see."),
        WAIT,
        answer("It is **four**"),
        answer(", I think."),
        finish(thought_end="closed"),
    )
    page.begin("2 + 2?")
    page.wait(lambda: "see." in page.text(".thought-text"))
    assert page.text(".thought-label").startswith("Thinking")
    api.release()
    page.wait_done()
    assert page.answers == ["It is four, I think."]
    assert page.texts(".markdown strong") == ["four"]
    assert re.fullmatch(r"Thought for [\d.]+ s · 40 tokens", page.text(".thought-label"))
    assert not page.has(".thought-text")
    page.click(".thought-toggle")
    assert page.text(".thought-text") == "Let me see."
    assert re.match(r"63 tokens · 31.5 tokens/s · context 84 of 32,768", page.text(".figures"))
    (body,) = api.requests
    assert body == {
        "model": "zhinao-7b",
        "messages": [{"role": "user", "content": "2 + 2?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_next_question_brings_the_history_without_thoughts(page, api):
    api.play(thought("hm"), answer("one"), finish())
    page.send("first")
    page.send("second")
    assert api.requests[1]["messages"] == [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "second"},
    ]


def test_stopping_keeps_what_came_and_tells_the_server(page, api):
    api.play(answer("The first half"), WAIT, finish())
    page.begin("go")
    page.wait(lambda: page.answers == ["The first half"])
    page.press(Keys.ESCAPE)
    page.wait_done()
    assert page.answers == ["The first half"]
    assert page.text(".reason") == "Stopped."
    page.wait(lambda: api.num_left == 1)


def test_a_stopped_answer_is_continued_in_place(page, api):
    api.play(thought("t"), answer("The first half"), WAIT)
    page.begin("go")
    page.wait(lambda: page.answers == ["The first half"])
    page.click(".stop")
    api.play(answer(" and the second."), finish())
    page.click(".go-on")
    page.wait(lambda: page.answers == ["The first half and the second."])
    page.wait_done()
    body = api.requests[1]
    assert body["continue_final_message"] and body["add_generation_prompt"] is False
    assert body["messages"][-1]["content"] == "The first half" and body["messages"][-1]["reasoning_content"] == "t"
    assert not page.has(".go-on")


def test_answer_now_closes_the_thought(page, api):
    api.play(
        thought("Round and round"),
        WAIT,
        {"delta": {}, "note": "The thought was closed."},
        answer("Four."),
        finish(thought_end="answer_now"),
    )
    page.begin("2 + 2?")
    page.click(".answer-now")
    page.wait_done()
    assert page.answers == ["Four."]
    assert page.text(".thought-label").endswith("closed on request")
    assert not page.has(".answer-now")


def test_text_that_turns_out_to_be_a_thought_is_moved(page, api):
    words = "I wonder"
    api.play(
        answer(words),
        {"delta": {"reasoning_content": words, "reasoning": words}, "reclassified": True},
        answer("Yes."),
        finish(),
    )
    page.send("well?")
    assert page.answers == ["Yes."]
    page.click(".thought-toggle")
    assert page.text(".thought-text") == words


def test_plain_vllm_has_no_answer_now_and_one_name_for_thoughts(page, api):
    api.is_ours = False
    page.open(api.url)
    api.play({"delta": {"reasoning": "hm"}}, WAIT, answer("Yes."), finish())
    page.begin("well?")
    page.wait(lambda: page.text(".thought-text") == "hm")
    assert not page.has(".answer-now")
    api.release()
    page.wait_done()
    assert page.answers == ["Yes."]


def test_bytes_may_be_cut_anywhere(page, api):
    whole = event({"id": "c", "choices": [{"index": 0, **answer("智脑 😀 — fine")}]})
    api.play(*[part for n in range(len(whole)) for part in (whole[n : n + 1], 0.001)], finish())
    page.send("bytes?")
    assert page.answers == ["智脑 😀 — fine"]


def test_regenerating_and_stepping_through_the_versions(page, api):
    for word in ("one", "two", "three"):
        api.play(answer(word), finish())
    page.send("count")
    for _ in range(2):
        page.click("[aria-label=Regenerate]")
        page.wait_done()
    assert (page.answers, page.text(".assistant .versions-count")) == (["three"], "3/3")
    page.click(".assistant .versions .icon-button:first-child")
    assert (page.answers, page.text(".assistant .versions-count")) == (["two"], "2/3")
    assert [body["messages"] for body in api.requests] == [[{"role": "user", "content": "count"}]] * 3


def test_an_edited_question_is_a_branch(page, api):
    api.play(answer("A1"), finish())
    page.send("first")
    api.play(answer("A2"), finish())
    page.send("second")
    page.js("document.querySelectorAll('.user [aria-label=Edit]')[1].click()")
    field = page.wait_for(".editor textarea")
    field.clear()
    api.play(answer("B2"), finish())
    field.send_keys("second, edited", Keys.ENTER)
    page.wait(lambda: page.answers == ["A1", "B2"])
    page.wait_done()
    assert api.requests[-1]["messages"][-1]["content"] == "second, edited"
    page.js("document.querySelector('.user .versions .icon-button').click()")
    page.wait(lambda: page.answers == ["A1", "A2"])
    page.visit()  # without the address of the conversation
    page.click(".item .open")
    page.wait(lambda: page.answers == ["A1", "A2"])


# What can go wrong ---------------------------------------------------------------------------------------------------


def test_a_refusal_is_a_sentence_with_a_second_try(page, api):
    api.play(refusal(400, "The prompt has 40000 tokens; the model's context holds 32768."))
    page.begin("long")
    assert page.wait_for(".trouble p").text == "The prompt has 40000 tokens; the model's context holds 32768."
    page.click(".retry")
    page.wait(lambda: page.answers == ["Good."])
    page.wait_done()
    assert not page.has(".trouble") and not page.has(".versions")


def test_an_error_in_the_stream_is_shown(page, api):
    api.play(
        answer("Some"),
        event({"error": {"message": "The engine stopped and was started again.", "type": "server_error"}}),
    )
    page.send("go")
    assert page.answers == ["Some"]
    assert page.text(".trouble p") == "The engine stopped and was started again."


def test_a_lost_connection_keeps_the_partial_answer(page, api):
    api.play(answer("What had come"), 0.1, BREAK)
    page.send("go")
    assert page.answers == ["What had come"]
    assert page.text(".trouble p") == "The connection was lost. What had arrived is kept."
    page.driver.refresh()
    page.wait(lambda: page.answers == ["What had come"])
    page.click(".retry")
    page.wait(lambda: page.answers == ["Good."])


def test_a_server_that_still_loads_is_waited_for(chromium, api):
    api.num_loading = 2
    chromium.open(api.url, until=".banner")
    assert chromium.text(".banner") == "The model is being loaded."
    chromium.wait(lambda: chromium.text(".model") == "zhinao-7b" and not chromium.has(".banner"))
    chromium.send("hi")
    assert chromium.answers == ["Good."]


def test_the_key_box_opens_on_401_and_the_question_is_asked_again(page, api):
    api.key = "sesame"
    page.begin("hello")
    page.wait_for("dialog #key").send_keys("wrong", Keys.ENTER)
    page.wait(lambda: "did not accept" in page.text("dialog"))
    field = page.wait_for("dialog #key")
    field.clear()
    field.send_keys("sesame", Keys.ENTER)
    page.wait(lambda: page.answers == ["Good."])
    page.driver.refresh()
    page.wait(lambda: page.answers == ["Good."])
    assert api.keys[-1] == "Bearer sesame"


# What models write ---------------------------------------------------------------------------------------------------

HOSTILE = r"""
<script>seen.errors.push('script')</script> <img src=x onerror="seen.errors.push('onerror')">
[link](javascript:seen.errors.push('link')) [data](data:text/html,<script>alert(1)</script>) [ok](https://example.org/a)
![picture](https://example.org/p.png) ![bad](javascript:alert(1)) <https://example.org/auto>
$\href{javascript:seen.errors.push('katex')}{x}$ $\includegraphics{https://example.org/k.png}$ $\htmlStyle{color:red}{x}$
<a href="javascript:alert(1)" onclick=alert(1)>raw</a> <svg onload=alert(1)> <style>*{display:none}</style>

```html
<script>alert(1)</script><img src=x onerror=alert(1)>
```

```"><img src=x onerror=alert(1)>
x
```

| <b>t</b> | `<i>` |
| --- | --- |
| <iframe src="https://example.org"> | ok |
"""


def test_hostile_output_does_nothing(page, api):
    api.play(*[answer(piece) for piece in re.findall(r"(?s).{1,7}", HOSTILE)], finish())
    page.send("attack")
    for element in page.all(".markdown a"):
        assert element.get_attribute("href").startswith("https://example.org/")
        assert "noopener" in element.get_attribute("rel") and element.get_attribute("target") == "_blank"
    tags = set(page.js("return [...document.querySelectorAll('.markdown *')].map(e => e.localName)"))
    assert not tags & {"script", "img", "iframe", "style", "object", "form", "input"}
    attributes = page.js("return [...document.querySelectorAll('.markdown *')].flatMap(e => e.getAttributeNames())")
    assert not [name for name in attributes if name.startswith("on")]
    assert "onerror" in page.text(".markdown")  # shown as text
    page.driver.refresh()  # and once more out of the store
    page.wait(lambda: page.answers)


def test_tables_code_and_formulas(page, api):
    text = "| a | b |\n| --- | ---: |\n| 1 | 2 |\n\n```python\ndef f():\n    return 1\n```\n\n$$\\frac12$$\n\nIt costs $5 and $6, so $x+1$.\n"
    api.play(*[answer(character) for character in text], finish())
    page.send("show")
    assert page.texts(".markdown td") == ["1", "2"]
    assert page.texts(".markdown .hljs-keyword") == ["def", "return"]
    assert len(page.all(".markdown .katex")) == 2 and len(page.all(".markdown .katex-display")) == 1
    assert "costs $5 and $6, so" in page.text(".markdown")
    fonts = page.js(
        "return document.fonts.ready.then(f => [...f].filter(x => x.status == 'loaded').map(x => x.family))"
    )
    assert "KaTeX_Main" in fonts


def test_a_growing_answer_draws_only_its_last_block_anew(page, api):
    api.play(answer("First *block*.\n\nSecond"), WAIT, answer(" grows.\n\nThird."), finish())
    page.begin("grow")
    page.wait(lambda: len(page.all(".markdown p")) == 2)
    page.js("window.first = document.querySelector('.markdown p')")
    api.release()
    page.wait_done()
    assert page.texts(".markdown p") == ["First block.", "Second grows.", "Third."]
    assert page.js("return window.first === document.querySelector('.markdown p')")


def test_code_can_be_copied(page, api):
    page.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    api.play(answer("```sh\nls -l\n```"), finish())
    page.send("code")
    page.click(".code .icon-button")
    page.wait(lambda: page.has(".code .icon-check"))
    assert page.js("return navigator.clipboard.readText()") == "ls -l\n"


def test_probabilities_on_click(page, api):
    page.send("hello")
    page.click(".show-tokens")  # nothing was recorded: it is asked
    page.click("dialog .plain")
    assert len(api.requests) == 1
    api.play(thought("t"), answer("Good", ("Go", -0.1), ("od", -1.2)), finish())
    page.click(".show-tokens")
    page.click("dialog .main")
    page.wait(lambda: page.text(".assistant .versions-count") == "2/2")
    page.wait_done()
    assert api.requests[-1]["logprobs"] is True
    page.click(".show-tokens")
    assert page.texts(".token") == ["Go", "od"]
    page.click(".token:nth-child(2)")
    assert "30.1 %" in page.wait_for(".bubble").text
    page.press(Keys.ESCAPE)
    page.send("and again")  # it was for this answer alone
    assert "logprobs" not in api.requests[-1]


# Conversations -------------------------------------------------------------------------------------------------------


def test_a_conversation_is_found_after_a_reload(page, api):
    api.play(thought("hm"), answer("Blue light scatters."), finish())
    page.send("Why is the sky blue?")
    page.driver.refresh()
    page.wait(lambda: page.answers == ["Blue light scatters."])
    assert page.texts(".item .title") == ["Why is the sky blue?"]
    assert page.driver.title.startswith("Why is the sky blue?")


def test_a_page_closed_in_mid_answer_keeps_it(page, api):
    api.play(answer("Half an"), WAIT, finish())
    page.begin("go")
    page.wait(lambda: page.answers == ["Half an"])
    page.wait(lambda: "Half an" in page.kept())
    page.driver.refresh()
    page.wait(lambda: page.answers == ["Half an"])
    page.wait(lambda: page.has(".go-on"))


def test_search_rename_and_delete(page, api):
    for question, reply in (("About whales", "They sing."), ("About 熊猫", "They eat bamboo.")):
        api.play(answer(reply), finish())
        page.send(question)
        page.click(".new-chat")
    page.chord(Keys.CONTROL, "k")
    page.press("bamboo")
    page.wait(lambda: page.texts(".item .title") == ["About 熊猫"])
    assert "bamboo" in page.text(".item .place")
    page.press(Keys.ESCAPE)
    page.wait(lambda: len(page.all(".item")) == 2)
    page.menu(".item:last-child .icon-button", "Rename")
    field = page.wait_for(".rename")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("Songs of the sea", Keys.ENTER)
    page.wait(lambda: page.texts(".item .title")[-1] == "Songs of the sea")
    page.menu(".item:last-child .icon-button", "Delete")
    page.click("dialog .main")
    page.wait(lambda: page.texts(".item .title") == ["About 熊猫"])
    page.driver.refresh()
    page.wait(lambda: page.texts(".item .title") == ["About 熊猫"])


def test_an_answer_goes_on_while_another_conversation_is_shown(page, api):
    api.play(answer("slow"), WAIT, answer(" and steady"), finish())
    page.begin("first")
    page.wait(lambda: page.answers == ["slow"])
    page.click(".new-chat")
    page.send("second")
    assert page.answers == ["Good."]
    api.release()
    page.wait(lambda: not page.all(".pulse"))
    page.click(".item .open[title=first]")
    page.wait(lambda: page.answers == ["slow and steady"])


def test_export_and_import(page, api):
    api.play(thought("hm"), answer("**Good**"), finish())
    page.send("What is 好?")
    page.menu(".item .icon-button", "Export as Markdown")
    name, text = page.download("md")
    assert name == "What-is-好.md" and "**Good**" in text and "<details>" in text
    page.menu(".item .icon-button", "Export as JSON")
    _, text = page.download("json")
    page.open(api.url)
    assert not page.all(".item")
    file = page.downloads / "in.json"
    file.write_text(text, encoding="utf-8")
    page.js("HTMLInputElement.prototype.click = () => {}")  # no dialog of the system
    page.menu(".page-menu", "Import")
    page.wait(lambda: page.all("input[type=file]"))[0].send_keys(str(file))
    page.wait(lambda: page.answers == ["Good"])
    file.unlink()


# Settings ------------------------------------------------------------------------------------------------------------


def test_parameters_are_the_servers_unless_they_differ(page, api):
    page.click(".show-panel")
    assert page.wait_for("#parameter-temperature").get_attribute("placeholder") == "0.7"
    page.wait_for("#system").send_keys("Be brief.")
    page.wait_for("#parameter-temperature").send_keys("0.7")
    page.wait_for("#parameter-top_k").send_keys("0")
    page.wait_for("#parameter-thinking_budget").send_keys("64")
    page.wait_for("#parameter-top_p").send_keys("7")  # cannot be meant
    page.click("#probabilities")
    assert page.all("#parameter-top_p:invalid")
    page.send("hi")
    body = api.requests[0]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["logprobs"] is True
    assert {name: body.get(name) for name in ("top_k", "thinking_budget", "temperature", "top_p")} == {
        "top_k": 0,
        "thinking_budget": 64,
        "temperature": None,
        "top_p": None,
    }
    page.driver.refresh()
    page.wait(lambda: page.js("return document.querySelector('#parameter-top_k')?.value") == "0")


def test_enter_does_not_send_while_an_input_method_composes(page, api):
    page.wait_for("#message").click()
    page.command("Input.imeSetComposition", text="nihao", selectionStart=5, selectionEnd=5)
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    page.command("Input.dispatchKeyEvent", type="rawKeyDown", **key)
    enter = "new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true, %s})"
    for sign in ("isComposing: true", "keyCode: 229"):
        page.js(f"document.getElementById('message').dispatchEvent({enter % sign})")
    page.command("Input.insertText", text="你好")
    assert api.requests == [] and page.js("return document.getElementById('message').value") == "你好"
    page.press(Keys.SHIFT, Keys.ENTER)
    page.press("世界")
    assert api.requests == []
    page.press(Keys.ENTER)
    page.wait_done()
    assert api.requests[0]["messages"][0]["content"] == "你好\n世界"


def test_language_and_colours(page, api):
    page.type("a draft")
    page.click(".language")
    assert page.js("return document.documentElement.lang") == "zh-CN"
    assert page.wait_for("#message").get_attribute("placeholder") == "问点什么"
    assert page.js("return document.getElementById('message').value") == "a draft"
    light = page.js("return getComputedStyle(document.documentElement).backgroundColor")
    for _ in range(2):  # as the system -> light -> dark
        page.click(".theme")
    assert page.js("return getComputedStyle(document.documentElement).backgroundColor") != light
    page.driver.refresh()
    page.wait(lambda: page.js("return document.documentElement.dataset.theme") == "dark")
    assert page.wait_for("#message").get_attribute("placeholder") == "问点什么"


def test_a_model_that_knows_no_chinese_is_asked_in_english_and_says_so(page, api):
    page.click(".language")
    page.wait(lambda: page.texts(".examples button")[2] == "用表格比较 TCP 和 UDP。")
    assert not page.has(".unspoken")
    api.known = ["en"]
    page.driver.refresh()
    assert family.CHINESE_DEMO in page.wait_for(".unspoken").text
    assert page.texts(".examples button")[2] == "Compare TCP and UDP in a table."
    page.click(".language")
    page.wait(lambda: not page.has(".unspoken"))


def test_chinese_typed_on_the_english_page_is_warned_of_once(page, api):
    api.known = ["en"]
    page.driver.refresh()
    page.wait_for(".examples")
    api.play(answer("one"), finish())
    page.begin("say one")
    page.wait(lambda: page.answers == ["one"])
    assert "knows no Chinese" not in page.text(".notice")
    api.play(answer("two"), finish())
    page.send("请说二")
    page.wait(lambda: family.CHINESE_DEMO in page.text(".notice"))


def test_dark_follows_the_system(page, api):
    for colours in ("dark", "light"):
        page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": colours}])
        page.wait(lambda wanted=colours: page.js("return document.documentElement.dataset.theme") == wanted)


def test_a_narrow_screen(page, api):
    try:
        page.command("Emulation.setDeviceMetricsOverride", width=360, height=640, deviceScaleFactor=2, mobile=True)
        api.play(
            answer("| " + " | ".join("abcdefghijkl") + " |\n|" + " --- |" * 12 + "\n\n`" + "x" * 200 + "`"), finish()
        )
        page.send("narrow")
        assert page.js("return document.documentElement.scrollWidth") <= 360
        assert not page.has("#sidebar")
        page.click(".show-sidebar")
        page.wait_for(".item .open")
        page.click(".close-sidebar")
        page.click(".show-panel")
        page.wait_for("#system")
    finally:
        page.command("Emulation.clearDeviceMetricsOverride")


# The page as a whole -------------------------------------------------------------------------------------------------


def test_nothing_leaves_the_server(page, api):
    page.requested()
    page.visit()
    api.play(answer("$x$ and `code`"), finish())
    page.send("hi")
    page.driver.get(api.url + "/docs")
    page.wait(lambda: "Answer a conversation" in page.text("#documentation"))
    assert page.troubles() == []
    addresses = page.requested()
    assert len(addresses) > 8
    assert [a for a in addresses if not a.startswith((api.url, "data:", "blob:", "about:"))] == []


def test_every_control_has_a_name(page, api):
    page.send("hi")
    page.click(".show-panel")
    unnamed = page.js(
        "return [...document.querySelectorAll('button, input, textarea, select')].filter(e =>"
        " e.checkVisibility() && !(e.innerText.trim() || e.ariaLabel || e.labels?.length)).map(e => e.outerHTML)"
    )
    assert unnamed == []
    assert page.all("[aria-live=polite]")[0].get_attribute("textContent") == "The answer is complete."


def test_a_long_answer_costs_no_more_than_its_end(page, api):
    """Counted in nodes that are made, since times mean nothing on a busy machine."""
    block = "Some words about **nothing** and $x^2$, again.\n\n```python\nprint(1)\n```\n\n- a\n- b\n\n"
    api.play(
        *[part for n in range(0, 120 * len(block), 60) for part in (answer((block * 120)[n : n + 60]), 0.01)], finish()
    )
    page.js(
        "window.made = 0; window.draws = 0;"
        "new MutationObserver(records => { draws++; for (const r of records) made += r.addedNodes.length; })"
        ".observe(document.querySelector('.messages'), {childList: true, subtree: true})"
    )
    page.begin("long")
    page.wait(lambda: page.has(".end > *") and not page.all(".message.is-running"), seconds=60)
    assert len(page.all(".markdown pre")) == 120
    made, draws = page.js("return [made, draws]")
    assert (
        made < 2 * 3 * 120 + 12 * draws + 50
    )  # blocks and the line ends between them; drawn whole each time it is thousands


# In front of our own server -------------------------------------------------------------------------------------------


def test_our_server_with_a_thinking_model(chromium):
    model = fake_model(["<think>abc", "the answer", "so 3\n</think>\n\nthree"], thinks=True, hold="abc")
    with running(model) as client:
        chromium.open(str(client.base_url).rstrip("/"))
        chromium.begin("hi")
        chromium.wait(lambda: chromium.text(".thought-text") == "abc")
        chromium.click(".answer-now")
        chromium.wait_done()
        assert chromium.answers == ["the answer"]
        assert chromium.text(".thought-label").endswith("closed on request")
        chromium.send("and?")  # no opening tag: the thought comes as an answer first
        assert chromium.answers[1] == "three"
    chromium.send("gone?")
    assert chromium.text(".trouble p") == "The server cannot be reached. Is it running?"
    assert chromium.troubles() == []


@pytest.mark.slow
def test_our_server_with_the_demo_model(chromium):
    with real_server() as client:
        wait_for(lambda: client.get("/health").status_code == 200, 120)
        chromium.open(str(client.base_url).rstrip("/"))
        chromium.click(".show-panel")
        chromium.wait_for("#parameter-temperature").send_keys("0")
        chromium.wait_for("#parameter-max_tokens").send_keys("4")
        chromium.click("#probabilities")
        chromium.send("What is the capital of France? Answer in one sentence.")
        first = chromium.answers[0]
        assert "Paris" not in first and "cut off" in chromium.text(".reason")
        chromium.wait_for("#parameter-max_tokens").send_keys("0")  # 40
        chromium.click(".go-on")
        chromium.wait(lambda: "Paris" in chromium.answers[0])
        chromium.wait_done()
        assert chromium.answers[0].startswith(first)
        chromium.click(".show-tokens")
        assert "".join(chromium.texts(".token")).startswith("The")
        chromium.driver.get(chromium.url + "/docs")
        chromium.wait(lambda: "/v1/chat/completions" in chromium.text("#documentation"))
        assert chromium.troubles() == []


# The modules by themselves --------------------------------------------------------------------------------------------


def node(*words):
    if not shutil.which("node") or not (PAGE / "node_modules").is_dir():
        pytest.skip("no node here, or its libraries were not fetched: make page")
    return subprocess.run(["node", *words], cwd=PAGE, capture_output=True, text=True, timeout=120)


def test_the_modules_tests():
    result = node("--test", "test/")
    assert result.returncode == 0, result.stdout[-4000:]


def test_the_modules_are_formatted():
    result = node("node_modules/prettier/bin/prettier.cjs", "--check", "src", "test", "build.mjs")
    assert result.returncode == 0, f"{result.stderr}\nnpx prettier --write src test build.mjs"
