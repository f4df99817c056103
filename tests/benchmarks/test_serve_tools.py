"""What the measurements of servers are made of: the client's reading, exact prompts, figures, the soak's judgement."""

import argparse
import asyncio
import json

import attacks
import pytest
import serve_load
import soak_requests
from serve_client import Answer, Server
from serve_load import Timing, Wave
from serve_prompts import Prompts
from soak_requests import Request

from zhinao.model.tokenizer import Tokenizer

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def arrived(raw: bytes, size: int) -> Answer:
    """As if `raw` had come `size` bytes at a time, one read a second."""
    parts = [raw[n : n + size] for n in range(0, len(raw), size)]
    return Answer(0.0, [(float(n + 1), part) for n, part in enumerate(parts)], float(len(parts)))


def event(text: str, finish: str | None = None, **more) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_events_are_whole_however_they_were_cut(size):
    raw = HEAD + chunked(event("红") + event("b"), event("c")[:9], event("c")[9:], b"data: [DONE]\r\n\r\n")
    events = list(arrived(raw, size).events())
    assert [json.loads(data)["choices"][0]["delta"]["content"] for _, data in events[:3]] == ["红", "b", "c"]
    assert events[3][1] == "[DONE]"
    assert arrived(raw, size).is_whole and not arrived(raw[:-3], size).is_whole


def test_an_event_has_the_time_of_its_last_byte():
    raw = HEAD + chunked(event("a"), event("b"))
    times = [time for time, _ in arrived(raw, 1).events()]
    assert times == [raw.index(b'"finish_reason": null}]}\n\n') + 26, len(raw) - 7]


def test_a_body_with_a_length_is_read_and_missed_when_cut():
    raw = b'HTTP/1.1 404 Not Found\r\nContent-Length: 11\r\n\r\n{"error":1}'
    assert arrived(raw, 5).status == 404 and arrived(raw, 5).json() == {"error": 1} and arrived(raw, 5).is_whole
    assert not arrived(raw[:-1], 5).is_whole


def test_figures_of_an_answer():
    usage = {"prompt_tokens": 5, "completion_tokens": 3}
    raw = HEAD + chunked(event(""), event("a"), event("b"), event("c", "length", usage=usage))
    answer = Answer(1.0, [(2.0 + n, raw[a:b]) for n, (a, b) in enumerate(_cuts(raw))], 9.0)
    timing = serve_load.read(answer)
    assert (timing.num_prompt, timing.num_new, timing.first, timing.per_token) == (5, 3, 2.0, 1.0)


def _cuts(raw: bytes) -> list[tuple[int, int]]:
    """One cut after each event."""
    ends = [n + 2 for n in range(len(raw)) if raw[n : n + 2] == b"\n\n"]
    return list(zip([0, *ends], [*ends, len(raw)], strict=True))


def test_an_answer_without_counts_is_no_measurement():
    with pytest.raises(SystemExit, match="no countable answer"):
        serve_load.read(arrived(HEAD + chunked(event("a"), event("b")), 100))


def test_summary_takes_medians_over_rounds_and_delays_over_requests():
    waves = [
        Wave(8, [Timing(128, 100, first, 0.01, 0, 9) for first in firsts], seconds, 2.0, 0.1, 0.0, 10**6)
        for firsts, seconds in (([0.1, 0.2], 1.0), ([0.3, 0.4], 2.0), ([0.5, 0.6], 10.0))
    ]
    found = serve_load.summary(waves)
    assert found["tokens_per_second"] == 100 and found["tokens_per_second_range"] == [20, 200]
    assert (round(found["first_ms_p50"]), round(found["first_ms_p95"]), found["num_requests"]) == (300, 600, 6)


def test_prompts_have_their_length_and_differ_from_the_start(demo):
    tokenizer = Tokenizer.load(demo)
    prompts = Prompts(tokenizer, seed=3)
    made = [prompts.conversation(128) for _ in range(5)]
    assert {prompts.count(messages) for messages in made} == {128}
    assert len({messages[0]["content"].split()[0] for messages in made}) == 5


def test_a_server_that_is_not_there_refuses():
    answer = asyncio.run(Server("http://127.0.0.1:9").ask("/v1/models"))
    assert (answer.status, answer.failure) == (None, "refused")


MINE, FOREIGN = "Z012345678", "ZABCDEFGHI"
STREAMED = Request(b"{}", True, MINE, f"{MINE}( [a-z]{{1,9}}){{2}}")
WHOLE = Request(b"{}", False, MINE, f"{MINE}( [a-z]{{1,9}}){{2}}")
BAD = Request(b"{}", False)


def stream(*texts: str, finish: str | None = "stop", is_done: bool = True) -> Answer:
    usage = b'data: {"choices": [], "usage": {"completion_tokens": 3}}\n\n'
    events = [*map(event, texts), event("", finish), usage, *([b"data: [DONE]\n\n"] if is_done else [])]
    return arrived(HEAD + chunked(*events), 50)


def whole(status: int, body: dict) -> Answer:
    raw = json.dumps(body).encode()
    return arrived(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(raw), raw), 50)


def message(text: str, finish: str = "stop") -> dict:
    return {"choices": [{"message": {"content": text}, "finish_reason": finish}]}


def error(code: str | None) -> dict:
    return {"error": {"message": "m", "type": "t", "param": None, "code": code}}


@pytest.mark.parametrize(
    ("request_", "answer", "what"),
    [
        (STREAMED, stream(MINE[:4], MINE[4:] + " one", " two"), "answered"),
        (STREAMED, stream(MINE[:4], MINE[4:] + " one"), "constraint broken"),
        (STREAMED, stream(MINE, " one", finish="length"), "answered"),
        (STREAMED, stream(FOREIGN[:4], FOREIGN[4:], " one two"), "crossed"),
        (STREAMED, stream(MINE, " one", " two", is_done=False), "stream without its end"),
        (STREAMED, stream(MINE, " one", " two", finish=None), "stream without its end"),
        (STREAMED, arrived(HEAD + chunked(event(MINE), b'data: {"error": {}}\n\n'), 9), "engine died"),
        (WHOLE, whole(200, message(f"{MINE} one two")), "answered"),
        (WHOLE, whole(200, message(f"{FOREIGN} one two")), "crossed"),
        (WHOLE, whole(429, error("queue_full")), "busy"),
        (WHOLE, whole(503, error("engine_error")), "engine died"),
        (WHOLE, whole(503, error("loading")), "restarting"),
        (WHOLE, whole(500, error(None)), "status 500"),
        (WHOLE, whole(400, error(None)), "status 400"),
        (WHOLE, whole(503, {"detail": "?"}), "error of another form"),
        (BAD, whole(400, error(None)), "rejected"),
        (BAD, whole(200, message("hello")), "bad request accepted"),
    ],
)
def test_the_soak_tells_right_from_wrong(request_, answer, what):
    assert soak_requests.judge(request_, answer)[0] == what


@pytest.mark.parametrize(("failure", "what"), [("timeout", "hang"), ("left", "left"), ("broken", "broken")])
def test_an_answer_that_did_not_end(failure, what):
    answer = stream(MINE, " one")
    answer.failure = failure
    assert soak_requests.judge(STREAMED, answer)[0] == what


def test_someone_elses_answer_counts_even_to_a_client_that_left():
    answer = stream(FOREIGN)
    answer.failure = "left"
    assert soak_requests.judge(STREAMED, answer)[0] == "crossed"


def test_the_mixture_has_its_shares():
    requests = soak_requests.Requests("m", 100, seed=1)
    made = []
    for _ in range(2000):
        made.append(requests.next())
        requests.done(made[-1])
    assert 60 < sum(request.mark is None for request in made) < 140
    assert 320 < sum(request.leave_at is not None for request in made) < 440
    assert 900 < sum(request.is_stream for request in made) < 1100
    marks = [request.mark for request in (requests.next() for _ in range(100)) if request.mark]
    assert len(set(marks)) == len(marks)


def test_the_attacks_say_how_they_are_run(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["attacks.py", "--help"])
    with pytest.raises(SystemExit) as left:
        attacks.main()
    said = capsys.readouterr().out
    assert left.value.code == 0 and all(name in said for name in attacks.ATTACKS)


def test_an_attack_is_bad_where_newcomers_wait_too_long():
    bounds = argparse.Namespace(health=0.2, gap=1.0, first=5.0)
    result = {"health_max": 0.1, "gap_max": 0.5, "new_gap_max": 0.5, "new_first": [0.2, 4.9], "stopped": 1.0}
    assert attacks.is_good(result, bounds)
    for firsts in ([0.2, 5.1], [0.2, None], []):
        assert not attacks.is_good({**result, "new_first": firsts}, bounds)
