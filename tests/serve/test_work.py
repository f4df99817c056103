"""What a large body costs, and whom: counted before it is parsed, stopped where it cannot fit, beside the event loop."""

import asyncio
import json
import threading
import time

import pytest

from tests.byte_tokenizer import ByteTokenizer
from tests.chat.fake_engine import fake_model
from tests.serve.running_server import running
from zhinao.errors import ContextLengthError, UsageError
from zhinao.serve.errors import ApiError
from zhinao.serve.openai.json_body import MAX_FIELDS, MAX_VALUES, parsed
from zhinao.serve.openai.render import BoundedTokenizer
from zhinao.serve.run import work
from zhinao.serve.run.work import LARGE_BYTES, SMALL_BYTES, Work

MESSAGE = {"role": "user", "content": "x"}


class Counting(ByteTokenizer):
    """How much was encoded, in characters."""

    num_encoded = 0

    def encode(self, text, control=False):
        self.num_encoded += len(text)
        return super().encode(text, control)

    encode_aside = encode


def test_a_prompt_that_cannot_fit_is_not_encoded_whole():
    counting = Counting()
    with pytest.raises(ContextLengthError, match="more than") as caught:
        BoundedTokenizer(counting, 1000).encode("x" * 5_000_000)
    assert counting.num_encoded < 200_000 and caught.value.num_prompt_tokens > 1000
    bounded = BoundedTokenizer(Counting(), 1000)
    with pytest.raises(ContextLengthError):
        for _ in range(1_000):
            bounded.encode("x" * 999)


def test_few_tokens_of_many_characters_are_too_long_as_well():
    class Blanks(Counting):
        def encode(self, text, control=False):
            return super().encode(text[::80], control)

        encode_aside = encode

    with pytest.raises(UsageError, match="9000000 characters") as caught:
        BoundedTokenizer(Blanks(), 10_000).encode(" " * 9_000_000)
    assert isinstance(caught.value, ContextLengthError) and caught.value.num_prompt_tokens is None


def test_what_fits_is_encoded_as_ever():
    plain = ByteTokenizer()
    bounded = BoundedTokenizer(plain, 1000)
    for text in ("", "hi", "<|im_end|>", "x" * 3_000):
        assert bounded.encode(text, control=True) == plain.encode(text, control=True)
    assert bounded.control_tokens is plain.control_tokens


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [' + b"[]," * MAX_FIELDS + b"1]}",
        b"{" + b",".join(b'"%d":1' % n for n in range(MAX_FIELDS + 1)) + b"}",
        b"[" + b"1," * MAX_VALUES + b"1,1]",
        b'{"a": "\\"' + b"x" * LARGE_BYTES + b'", "b": [' + b"{}," * MAX_FIELDS + b"1]}",
    ],
    ids=["lists", "names", "numbers", "behind a text"],
)
def test_too_many_values_are_not_parsed(body):
    started = time.thread_time()
    with pytest.raises(ApiError) as caught:
        parsed(body)
    assert caught.value.status == 413 and time.thread_time() - started < 2


def test_texts_may_hold_any_characters():
    text = '{[:,"\\' * 300_000
    assert parsed(json.dumps({"a": text}).encode()) == {"a": text}
    numbers = list(range(200_000))
    assert parsed(json.dumps(numbers).encode()) == numbers
    assert parsed(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    with pytest.raises(ValueError, match="utf-8"):
        parsed('{"a": 1}'.encode("utf-16"))


def test_large_work_lets_small_and_middling_work_pass():
    async def working():
        made, go = Work(), threading.Event()
        large = [asyncio.create_task(made.do("a", LARGE_BYTES + 1, go.wait, 20)) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert await made.do("a", SMALL_BYTES + 1, lambda: 5) == await made.do("a", 1, lambda: 5) == 5
        assert not any(task.done() for task in large)
        go.set()
        assert await asyncio.gather(*large) == [True] * 3
        with pytest.raises(ZeroDivisionError):
            await made.do("a", LARGE_BYTES + 1, lambda: 1 / 0)
        made.close()

    asyncio.run(working())


def test_large_work_does_not_pile_up(monkeypatch):
    monkeypatch.setattr(work, "_MAX_LARGE", 2)

    async def working():
        made, go = Work(), threading.Event()
        tasks = [asyncio.create_task(made.do("a", LARGE_BYTES + 1, go.wait, 20)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(ApiError) as caught:
            await made.do("a", LARGE_BYTES + 1, go.wait, 20)
        assert caught.value.status == 429
        go.set()
        await asyncio.gather(*tasks)
        assert await made.do("a", LARGE_BYTES + 1, lambda: 5) == 5
        made.close()

    asyncio.run(working())


def test_large_work_of_one_client_locks_nobody_out(monkeypatch):
    monkeypatch.setattr(work, "_MAX_LARGE", 4)

    async def working():
        made, go, order = Work(), threading.Event(), []

        def call(name):
            go.wait(20)
            order.append(name)

        hog = [asyncio.create_task(made.do("hog", LARGE_BYTES + 1, call, f"h{n}")) for n in range(4)]
        await asyncio.sleep(0.05)
        other = asyncio.create_task(made.do("other", LARGE_BYTES + 1, call, "o"))
        await asyncio.sleep(0.05)
        with pytest.raises(ApiError) as caught:
            await hog[3]  # the newest of the client with the most
        assert caught.value.code == "queue_full"
        with pytest.raises(ApiError):
            await made.do("hog", LARGE_BYTES + 1, call, "h5")
        go.set()
        await asyncio.gather(*hog[:3], other)
        assert order == ["h0", "h1", "o", "h2"]
        made.close()

    asyncio.run(asyncio.wait_for(working(), 20))


def test_middling_work_goes_by_clients_as_well():
    async def working():
        made, go, order = Work(), threading.Event(), []

        def call(name):
            go.wait(20)
            order.append(name)

        hog = [asyncio.create_task(made.do("hog", LARGE_BYTES, call, f"h{n}")) for n in range(40)]
        await asyncio.sleep(0.05)
        other = asyncio.create_task(made.do("other", LARGE_BYTES, call, "o"))
        await asyncio.sleep(0.05)
        go.set()
        await asyncio.gather(*hog, other)
        assert order.index("o") < 6
        made.close()

    asyncio.run(asyncio.wait_for(working(), 20))


class Slow(ByteTokenizer):
    """Takes three seconds for a long text, as a real one does, without holding Python's lock."""

    def encode_aside(self, text, control=False):
        if len(text) > 50_000:
            time.sleep(3)
        return self.encode(text, control)


ROUTES = {
    "/v1/chat/completions": lambda text: {"messages": [{"role": "user", "content": text}]},
    "/v1/completions": lambda text: {"prompt": text},
    "/v1/responses": lambda text: {"input": text},
    "/v1/chat/completions/render": lambda text: {"messages": [{"role": "user", "content": text}]},
    "/tokenize": lambda text: {"prompt": text},
}


@pytest.fixture(scope="module")
def client():
    model = fake_model(lambda prompt: "hello")
    model.tokenizer = model.engine.tokenizer = Slow()
    with running(model) as made:
        yield made


@pytest.mark.parametrize("route", ROUTES)
def test_others_are_answered_meanwhile(client, route):
    """Bounds are wide: only a loop that stands still all the while is meant."""
    answers = []
    asking = threading.Thread(target=lambda: answers.append(client.post(route, json=ROUTES[route]("x" * 60_000))))
    asking.start()
    time.sleep(0.2)
    started = time.monotonic()
    assert client.get("/health").status_code == 200
    is_quick = time.monotonic() - started < 2.4
    asking.join()
    assert is_quick and answers[0].status_code == 200


@pytest.mark.parametrize(
    "path, body, field",
    [
        ("/v1/chat/completions", {"messages": [MESSAGE] * 10_001}, "messages"),
        ("/v1/responses", {"input": [MESSAGE] * 10_001}, "input"),
        ("/tokenize", {"messages": [MESSAGE] * 10_001}, "messages"),
        ("/v1/chat/completions/render", {"messages": [MESSAGE] * 10_001}, "messages"),
        ("/v1/chat/completions", {"messages": [MESSAGE], "tools": [{}] * 30_000}, "tools"),
        ("/v1/responses", {"input": "x", "tools": [{}] * 30_000}, "tools"),
        ("/v1/chat/completions", {"messages": [MESSAGE], "stop": ["x"] * 500_000}, "stop"),
        ("/v1/completions", {"prompt": ["x", *[1] * 300_000]}, "prompt"),
        ("/v1/completions", {"prompt": [5] * 300_000}, None),
        ("/detokenize", {"tokens": [5] * 500_000}, None),
        ("/v1/chat/completions", {"messages": [{**MESSAGE, "content": "x" * 3_000_000}]}, "messages"),
    ],
)
def test_counts_are_checked_before_work(client, path, body, field):
    """The last would take over two minutes by the slow tokenizer, were all of it encoded."""
    started = time.monotonic()
    answer = client.post(path, json=body)
    assert answer.status_code in (400, 422), answer.text
    assert field is None or answer.json()["error"]["param"] == field
    assert time.monotonic() - started < 20
