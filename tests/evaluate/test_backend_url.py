"""Servers by their addresses: what is asked again, what is given up, and with which sentence."""

import pytest

from tests.evaluate.fakes import FakeServer, chat
from zhinao.errors import EngineError, UsageError
from zhinao.evaluate.backend.base import Ask, Output, RefusedError, Text
from zhinao.evaluate.backend.url import UrlBackend

WAITS = (0.01, 0.01)
ASKS = [Ask(f"{n}", 5) for n in range(6)]


def _all(server, asks=ASKS, **more):
    backend = UrlBackend([server.url], waits=WAITS, num_at_once=2, **more)
    return [found for _, found in sorted(backend.generate(asks), key=lambda pair: pair[0])]


def _echo(path, body, number):
    """A token a character."""
    text = body["prompt"]
    offsets = list(range(len(text)))
    return 200, {
        "choices": [{"logprobs": {"token_logprobs": [None, *[-1.0] * (len(text) - 1)], "text_offset": offsets}}]
    }


def test_answers_and_what_is_asked():
    with FakeServer(lambda path, body, number: chat("yes")) as server:
        found = _all(server, [Ask("a", 5, ("\n",)), Ask(({"role": "user", "content": "b"},), 7)])
        asked = dict(server.requests)
    assert [one.text for one in found] == ["yes", "yes"]
    assert asked["/v1/completions"]["stop"] == ["\n"] and asked["/v1/completions"]["temperature"] == 0
    assert asked["/v1/chat/completions"]["max_tokens"] == 7 and asked["/v1/chat/completions"]["model"] == "served"


@pytest.mark.parametrize("bad", [(500, {}), (503, b"busy"), (429, {}), (200, b"no JSON"), (200, b"[]"), None])
def test_temporary_trouble_is_tried_again(bad):
    with FakeServer(lambda path, body, number: bad if number == 0 else chat("yes")) as server:
        assert [one.text for one in _all(server)] == ["yes"] * 6


def test_one_of_two_dies_midway():
    dying = FakeServer(lambda path, body, number: chat("b") if number < 1 else None)
    with FakeServer(lambda path, body, number: chat("a")) as good, dying as bad:
        backend = UrlBackend([good.url, bad.url], waits=WAITS, num_at_once=1)
        found = [one for _, one in backend.generate([Ask(str(n), 5) for n in range(12)])]
    assert len(found) == 12 and all(isinstance(one, Output) for one in found)


def test_a_dead_server_is_not_waited_for_again_and_taken_back_when_it_answers():
    is_up = []
    with FakeServer(lambda path, body, number: chat("yes") if is_up else (500, {})) as server:
        backend = UrlBackend([server.url], waits=WAITS, num_at_once=1)
        found = [one for _, one in backend.generate(ASKS)]
        assert all(isinstance(one, EngineError) for one in found)
        assert len(server.requests) == len(WAITS) + 1 + 5
        is_up.append(True)
        assert [one.text for _, one in backend.generate(ASKS[:1])] == ["yes"]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, RefusedError, "too long"),
        (422, RefusedError, "too long"),
        (401, UsageError, "HTTP 401"),
        (403, UsageError, "HTTP 403"),
        (404, UsageError, "HTTP 404"),
    ],
)
def test_refusals(status, kind, said):
    with FakeServer(lambda path, body, number: (status, {"error": {"message": "too long"}})) as server:
        (found,) = _all(server, ASKS[:1])
        assert type(found) is kind and said in str(found) and len(server.requests) == 1


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [{}]}, {"choices": 7}])
def test_no_choices(answer):
    with FakeServer(lambda path, body, number: (200, answer)) as server:
        (found,) = _all(server, ASKS[:1])
    assert isinstance(found, EngineError) and "choices" in str(found)


def test_nobody_there():
    with pytest.raises(EngineError, match="does not answer"):
        UrlBackend(["http://127.0.0.1:9"], waits=())


def test_no_address():
    with pytest.raises(UsageError, match="no address"):
        UrlBackend(["localhost:8000"])


def test_likelihoods_and_a_token_over_the_border():
    def pairs(path, body, number):
        text = body["prompt"]
        offsets = list(range(0, len(text), 2))
        logprobs = [None, *[-float(n) for n in range(1, len(offsets))]]
        return 200, {"choices": [{"logprobs": {"token_logprobs": logprobs, "text_offset": offsets}}]}

    with FakeServer(pairs) as server:
        backend = UrlBackend([server.url], waits=WAITS)
        found = dict(backend.loglikelihoods([Text("abcdef"), Text("abcdef", 4), Text("abcdef", 3)]))
    assert found == {0: (-1.0, -2.0), 1: (-2.0,), 2: (-1.0, -2.0)}


@pytest.mark.parametrize("answer", [chat("x"), (400, {"error": "echo"}), (200, {"choices": [{"logprobs": None}]})])
def test_a_server_without_echo(answer):
    with FakeServer(lambda path, body, number: answer) as server:
        with pytest.raises(UsageError, match="gives no likelihoods"):
            list(UrlBackend([server.url], waits=WAITS).loglikelihoods([Text("a b")] * 50))
        assert len(server.requests) == 1


def test_one_text_that_is_too_long():
    def answer(path, body, number):
        return (400, {"error": "too long"}) if len(body["prompt"]) > 20 else _echo(path, body, number)

    with FakeServer(answer) as server:
        found = dict(UrlBackend([server.url], waits=WAITS).loglikelihoods([Text("ab"), Text("a" * 30)]))
    assert found[0] == (-1.0,) and isinstance(found[1], RefusedError)
