"""Each client is answered in its own language, also while another one is answered in another; programs read codes."""

import asyncio
import pickle
import threading

import pytest
from starlette.responses import JSONResponse

from tests.chat.fake_engine import fake_model
from tests.serve.running_server import running
from tests.serve.toy import call
from zhinao import lang
from zhinao.engine.base import Chunk, Generation
from zhinao.errors import EngineError, SlowGrammarError, UsageError
from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate.in_turn import InTurn
from zhinao.serve.gate.middleware import Languages, preferred
from zhinao.serve.run.work import LARGE_BYTES, SMALL_BYTES, Work


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("*", "en"),
        ("zh", "zh"),
        ("zh-CN, zh;q=0.9, en;q=0.5", "zh"),
        ("ZH-hans-cn", "zh"),
        ("en, zh;q=0.9", "en"),
        ("en;q=0.3, zh;q=0.4", "zh"),
        ("fr, zh;q=0.2", "zh"),
        ("fr, de;q=0.2", "en"),
        ("zh;q=0", "en"),
        ("zh;q=x, en;q=0.9", "zh"),
        (",;=,zh ; q = 1", "zh"),
        ("zha", "en"),
    ],
)
def test_the_language_that_is_preferred(header, language):
    assert preferred(header) == language


async def hello(scope, receive, send):
    await asyncio.sleep(0.05)
    answer = JSONResponse([tr("hello", "你好"), await asyncio.to_thread(tr, "there", "那边")])
    await answer(scope, receive, send)


def test_two_at_once_do_not_mix():
    answers = {}

    def ask(language):
        answers[language] = call(Languages(hello), headers={"Accept-Language": language}).json()

    threads = [threading.Thread(target=ask, args=(language,)) for language in ("zh", "en")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {"zh": ["你好", "那边"], "en": ["hello", "there"]}


def test_two_in_one_loop_do_not_mix():
    async def ask(language):
        with lang.speaking(language):
            await asyncio.sleep(0)
            first = str(tr("hello", "你好"))
            await asyncio.sleep(0.01)
            return first, str(tr("there", "那边"))

    async def both():
        return await asyncio.gather(ask("zh"), ask("en"), ask("zh"))

    assert asyncio.run(both()) == [("你好", "那边"), ("hello", "there"), ("你好", "那边")]
    assert lang.current() == "en"


@pytest.mark.parametrize("num_bytes", [SMALL_BYTES, LARGE_BYTES, LARGE_BYTES + 1])
def test_threads_know_whose_work_it_is(num_bytes):
    async def play():
        work, trials = Work(), InTurn()
        try:
            with lang.speaking("zh"):
                return await work.do("x", num_bytes, tr, "a", "甲"), await trials.do("x", tr, "b", "乙")
        finally:
            work.close(), trials.close()

    assert asyncio.run(play()) == ("甲", "乙")


def test_an_error_speaks_to_whoever_reads_it():
    """Made by a thread or for another client's request, and kept."""
    error = EngineError(tr("The engine was closed.", "引擎已关闭。"), tr("wait", "请稍候"))
    refusal = ApiError(429, tr("busy", "繁忙"))
    assert str(error) == "The engine was closed.\n  → wait"
    with lang.speaking("zh"):
        assert str(error) == "引擎已关闭。\n  → 请稍候"
        assert refusal.body()["error"]["message"] == "繁忙"
    assert refusal.body()["error"]["message"] == "busy"
    assert pickle.loads(pickle.dumps(error.message)).chinese == "引擎已关闭。"
    assert str(UsageError("plain")) == "plain"


REFUSED = [
    ("/v1/chat/completions", {"messages": []}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "temperature": -1}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "logit_bias": {"1": 1}}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": 5}]}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "n": "two"}, 422),
    ("/v1/chat/completions", {}, 422),
    ("/v1/completions", {"prompt": "x" * 200_000}, 400),
    ("/v1/completions", {"prompt": [1_000_000]}, 400),
    ("/v1/completions", {"prompt": "x", "echo": True, "stream": True, "stream_options": {}, "suffix": "y"}, 400),
    ("/v1/responses", {"input": "x", "previous_response_id": "y"}, 400),
    ("/v1/responses", {"input": [{"type": "x"}]}, 400),
    ("/tokenize", {}, 400),
    ("/v1/nothing", {}, 404),
]


@pytest.fixture(scope="module")
def client():
    with running(fake_model(lambda prompt: "hello")) as found:
        yield found


@pytest.mark.parametrize(("path", "body", "status"), REFUSED)
def test_every_refusal_has_a_code_and_the_client_s_language(client, path, body, status):
    codes = set()
    for language, is_chinese in (("zh-CN, zh;q=0.9, en;q=0.5", True), ("en", False), ("", False)):
        answer = client.post(path, json=body, headers={"Accept-Language": language})
        error = answer.json()["error"]
        assert answer.status_code == status and error["code"], error
        assert any("\u4e00" <= char <= "\u9fff" for char in error["message"]) == is_chinese, error
        codes.add(error["code"])
    assert len(codes) == 1


def test_codes_that_programs_test(client):
    def code(content, path="/v1/chat/completions", **fields):
        return client.post(path, **{"json": {"messages": [{"role": "user", "content": content}], **fields}}).json()[
            "error"
        ]["code"]

    assert code("x", guided_regex="bad") == "invalid_grammar"
    assert code("x", temperature=-1) == "invalid_value"
    assert code("x", logit_bias={"1": 1}) == "unsupported_value"
    assert code("x", n="two") == "invalid_type"
    assert client.post("/v1/completions", json={}).json()["error"]["code"] == "missing_required_parameter"
    head = {"Content-Type": "application/json"}
    assert client.post("/v1/completions", content=b"{", headers=head).json()["error"]["code"] == "invalid_json"
    assert client.post("/v1/completions", content=b"{}").json()["error"]["code"] == "unsupported_media_type"


class Slowed(Generation):
    num_prompt_tokens = 1

    def __iter__(self):
        yield Chunk((97,))
        raise SlowGrammarError()

    def cancel(self):
        pass


def test_a_failure_of_the_engine():
    """The engine's thread, which knows of no request, made it."""
    with running(fake_model(lambda prompt: "ab")) as client:
        client.service._model.engine.generate = lambda *_: Slowed()
        body = {"messages": [{"role": "user", "content": "x"}]}
        error = client.post("/v1/chat/completions", json=body, headers={"Accept-Language": "zh"}).json()["error"]
        assert error["code"] == "grammar_too_slow" and error["message"].startswith("回答已被终止")
