"""Servers as a backend and as a judge: what they refuse, lose or say wrongly."""

import pytest

from tests.evaluate.fakes import FakeBackend, said, server, task
from zhinao.errors import EngineError, UsageError
from zhinao.evaluate.backend.base import Ask, Output, RefusedError, Text
from zhinao.evaluate.backend.url import Server, UrlBackend
from zhinao.evaluate.run import asking
from zhinao.evaluate.run.asking import Asking
from zhinao.evaluate.run.judge import Judge
from zhinao.evaluate.run.store import Store
from zhinao.evaluate.task import JUDGED, Item
from zhinao.score.judged.mt_bench import MtBench

ASKS = [Ask(({"role": "user", "content": f"Q{n}"},), 8) for n in range(6)]
CHAT = "/v1/chat/completions"


def backend(*urls):
    return UrlBackend(urls, num_at_once=2, waits=(0.01,))


def test_chat_and_completion():
    with server(
        lambda path, body: (
            200,
            said("hi") if path == CHAT else {"choices": [{"text": "on", "finish_reason": "length"}]},
        )
    ) as (url, asked):
        one = backend(url)
        assert one.name == "served"
        assert dict(one.generate(ASKS[:1])) == {0: Output("hi", 3, "stop")}
        assert dict(one.generate([Ask("go", 4, ("\n",), {"temperature": 0.6, "seed": 3})])) == {
            0: Output("on", 0, "length")
        }
    assert asked[-1][1] == {
        "model": "served",
        "prompt": "go",
        "temperature": 0.6,
        "seed": 3,
        "max_tokens": 4,
        "stop": ["\n"],
    }
    assert asked[0][1]["temperature"] == 0


def test_a_thought_that_was_cut_is_open():
    cut = {"choices": [{"message": {"content": "", "reasoning_content": "hm"}, "finish_reason": "length"}]}
    with server(lambda path, body: (200, cut)) as (url, _):
        (output,) = dict(backend(url).generate(ASKS[:1])).values()
    assert output.is_thought_open and "</think>" not in output.whole


def test_likelihoods_by_echo():
    found = {"token_logprobs": [None, -1.0, -2.0], "text_offset": [0, 2, 4]}
    with server(lambda path, body: (200, {"choices": [{"logprobs": found}]})) as (url, asked):
        assert dict(backend(url).loglikelihoods([Text("abcdef"), Text("abcdef", 4)])) == {0: (-1.0, -2.0), 1: (-2.0,)}
    assert asked[0][1]["echo"] is True and asked[0][1]["max_tokens"] == 0


@pytest.mark.parametrize(
    "answer", [{"choices": []}, {"choices": [{"text": "x"}]}, {}, {"choices": [{"logprobs": None}]}]
)
def test_a_server_without_echo_is_told(answer):
    with server(lambda path, body: (200, answer)) as (url, _):
        (error,) = dict(backend(url).loglikelihoods([Text("abc")])).values()
    assert isinstance(error, RefusedError) and "echo" in str(error)


def test_a_server_that_is_busy_is_asked_again():
    states = iter([503, 429, 500])
    with server(lambda path, body: (next(states, 200), said("hi"))) as (url, asked):
        one = UrlBackend([url], num_at_once=1, waits=(0, 0, 0))
        assert dict(one.generate(ASKS[:1]))[0].text == "hi" and len(asked) == 4


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_name_ends_it(status, tmp_path):
    with server(lambda path, body: (status, {"error": {"message": "no such thing"}})) as (url, asked):
        items = [Item(id=str(n), prompt="?", gold="x") for n in range(9)]
        with Store(tmp_path, {"model": "m"}) as kept:
            (error,) = asking.run(Asking("small", task(items), items), UrlBackend([url], num_at_once=1, waits=()), kept)
            assert "no such thing" in str(error) and isinstance(error, RefusedError) and not kept.records
        assert len(asked) < 5


def test_one_of_two_servers_dies_and_the_other_takes_over():
    with (
        server(lambda path, body: (200, said("alive"))) as (alive, asked),
        server(lambda path, body: (500, b"")) as (dead, _),
    ):
        one = backend(alive, dead)
        found = dict(one.generate(ASKS))
    assert {output.text for output in found.values()} == {"alive"} and len(asked) == 6


def test_a_dead_server_is_not_asked_for_ever():
    with server(lambda path, body: (500, b"")) as (url, asked):
        found = dict(backend(url).generate([ASKS[0]] * 50))
    assert all(isinstance(error, EngineError) for error in found.values()) and len(asked) < 12


@pytest.mark.parametrize(
    "content", [b"no json", b"[]", b'{"choices": []}', b'{"choices": [{}]}', b'{"choices": 3}', b""]
)
def test_nonsense_is_an_error_of_that_question(content):
    with server(lambda path, body: (200, content)) as (url, _):
        (error,) = dict(UrlBackend([url], waits=()).generate(ASKS[:1])).values()
    assert isinstance(error, EngineError)


def test_a_question_that_is_refused_is_an_error_of_it_alone():
    with server(
        lambda path, body: (400, {"error": {"message": "too long"}}) if "Q1" in str(body) else (200, said("hi"))
    ) as (url, _):
        found = dict(backend(url).generate(ASKS[:3]))
    assert isinstance(found[1], UsageError) and "too long" in str(found[1]) and found[0].text == found[2].text == "hi"


def test_addresses_that_are_none():
    with pytest.raises(UsageError, match="no address"):
        Server("localhost:8000")
    with pytest.raises(EngineError, match="does not answer"):
        UrlBackend(["http://127.0.0.1:9"], waits=())


def test_the_key_goes_along(monkeypatch):
    monkeypatch.setenv("ZHINAO_EVAL_API_KEY", "secret")
    with server(lambda path, body: (200, said("hi"))) as (url, asked):
        list(backend(url).generate(ASKS[:1]))
    assert asked[0][2]["Authorization"] == "Bearer secret"


ITEM = Item(id="81", prompt=({"role": "user", "content": "Q1"},), turns=("Q2",), facts={"category": "writing"})
JUDGED_TASK = task([ITEM], JUDGED, judging=MtBench(), scale=10.0)


def judged(url, folder, **more):
    one = Asking("mt", JUDGED_TASK, [ITEM])
    with Store(folder, {"model": "m"}) as kept:
        judge = Judge(url, None, folder / "verdicts.jsonl", waits=())
        return asking.run(one, FakeBackend(), kept, judge), kept.known("mt", ITEM)


def test_a_judge_is_asked_once_and_named(tmp_path):
    with server(lambda path, body: (200, said("Fine. Rating: [[8]]"))) as (url, asked):
        failed, record = judged(url, tmp_path)
        assert record["grade"] == 0.8 and record["facts"]["judge"] == "served" and len(asked) == 2 and not failed
        (tmp_path / "items.jsonl").write_text("")
        assert judged(url, tmp_path)[1]["grade"] == 0.8 and len(asked) == 2, "verdicts are kept"


def test_a_judge_that_says_nonsense_is_shown(tmp_path):
    with server(lambda path, body: (200, said("It was good: 8/10"))) as (url, _):
        _, record = judged(url, tmp_path)
    assert record["grade"] is None and record["facts"]["unparsed"] == ["It was good: 8/10"] * 2


@pytest.mark.parametrize("content", [(500, b""), (200, b""), (200, {"choices": []})])
def test_a_judge_that_cannot_be_had_leaves_the_item_undone(content, tmp_path):
    with server(lambda path, body: content) as (url, _):
        failed, record = judged(url, tmp_path)
    assert len(failed) == 1 and record is None


def test_a_judge_that_refuses_an_item_is_said_of_it(tmp_path):
    with server(lambda path, body: (400, {"error": "too long"})) as (url, _):
        failed, record = judged(url, tmp_path)
    assert not failed and "too long" in record["error"]
