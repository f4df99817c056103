"""What one request may hold of the server: its answers count, what a client left behind is dropped, an id belongs to its key."""

import gc
import json
import socket
import threading
import time
import weakref

import pytest

from tests.chat.fake_engine import fake_model
from tests.serve.running_server import chat, events, running, wait_for
from zhinao.engine.base import JudgedGrammar
from zhinao.errors import UsageError

PROMPTS = {"prompt": ["a" * 50, "b" * 50, "c" * 50, "d" * 50], "n": 64}
HOLDING = {"hold": "x", "num_context_tokens": 1000}


def started(client) -> int:
    return len(client.service._model.engine.requests)


def test_answers_count_and_others_come_between():
    model = fake_model(lambda prompt: "xy" if prompt.startswith("ab"[0] * 50) else "hi", **HOLDING)
    with running(model, max_running=16, max_queued=300) as client:
        body = {**PROMPTS, "prompt": "a" * 50, "n": 64, "stream": True}
        with client.stream("POST", "/v1/completions", json=body) as hog:
            wait_for(lambda: client.service.admission.num_running == 16)
            assert client.service.admission.num_waiting == 48 and started(client) == 16
            assert hog.status_code == 200
        wait_for(lambda: client.service.admission.num_running == 0)
        assert client.service.admission.num_waiting == 0 and started(client) == 16, "what was left is never begun"
        assert chat(client).json()["choices"][0]["message"]["content"] == "hi"


def test_every_answer_of_a_large_request_comes():
    with running(fake_model(lambda prompt: prompt[:1]), max_running=3, max_queued=300) as client:
        answer = client.post("/v1/completions", json=PROMPTS).json()
        assert [choice["text"] for choice in answer["choices"]] == [c for c in "abcd" for _ in range(64)]
        assert started(client) == 256 and client.service.reading.taken == client.service.following.taken == 0
        streamed = client.post("/v1/completions", json={**PROMPTS, "stream": True})
        ended = [c["index"] for e in events(streamed)[:-1] for c in e["choices"] if c["finish_reason"]]
        assert sorted(ended) == list(range(256))


def test_more_answers_than_the_server_takes():
    with running(fake_model(lambda prompt: "hi"), max_running=2, max_queued=4) as client:
        refused = client.post("/v1/completions", json=PROMPTS)
        assert refused.status_code == 400 and refused.json()["error"]["param"] == "n"
        assert chat(client, n=6).status_code == 200


def test_answers_count_against_requests_a_minute():
    with running(fake_model(lambda prompt: "hi"), requests_per_minute=10) as client:
        assert chat(client, n=11).status_code == 400
        answer = chat(client, n=9)
        assert answer.status_code == 200 and answer.headers["x-ratelimit-remaining-requests"] == "0"
        assert chat(client).status_code == 429


def test_prompts_are_read_in_turn():
    """Of long prompts as many as keep the engine busy; the rest waits here, where others can pass."""
    model = fake_model(lambda prompt: "hi", delay=0.3)
    with running(model) as client:
        asking = threading.Thread(target=lambda: client.post("/v1/completions", json={"prompt": ["a" * 5000] * 6}))
        asking.start()
        wait_for(lambda: started(client) == 1)
        time.sleep(0.1)
        assert started(client) == 1 and client.service.admission.num_running == 6
        asking.join()
        assert started(client) == 6


def test_a_client_that_does_not_read_holds_no_slot():
    text = "x" * 30_000
    with running(fake_model(lambda prompt: text), max_running=1) as client:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((client.base_url.host, client.base_url.port))
        body = json.dumps({"messages": [{"role": "user", "content": "hi"}], "stream": True, "logprobs": True}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body)
        wait_for(lambda: started(client) == 1)
        wait_for(lambda: client.service.admission.num_running == 0, 30)
        assert chat(client).status_code == 200
        assert client.service.live, "its answer is there, all of it, and still being sent"
        line.close()
        wait_for(lambda: not client.service.live)


@pytest.mark.parametrize("keys", [(), (("alice", "sk-a"), ("bob", "sk-b"))], ids=["no keys", "keys"])
def test_an_id_belongs_to_its_key(keys):
    alice, bob = ({"Authorization": f"Bearer sk-{c}"} if keys else {} for c in "ab")
    model = fake_model(
        lambda prompt: "<think>\nx" + "y" * 50 if "</think>" not in prompt else "done", thinks=True, hold="x"
    )
    with running(model, keys) as client:
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
        with client.stream("POST", "/v1/chat/completions", json=body, headers=alice) as answer:
            lines = answer.iter_lines()
            number = json.loads(next(lines)[6:])["id"]
            url = f"/v1/chat/completions/{number}/answer_now"
            if keys:
                foreign, unknown = client.post(url, headers=bob), client.post(url.replace(number, "no"), headers=bob)
                assert foreign.status_code == 404
                assert foreign.json()["error"]["message"].replace(number, "no") == unknown.json()["error"]["message"]
            assert client.post(url, headers=alice).json()["closed"] is True
            assert '"thought_end": "answer_now"' in "".join(lines)


def test_a_request_keeps_what_the_engine_found_out_about_its_grammar():
    made, seen = [], []

    def says(prompt):
        gc.collect()
        seen.append(made[0]() is not None)
        return "a"

    def check(grammar):
        judged = JudgedGrammar(seconds=0.0)
        made.append(weakref.ref(judged))
        return judged

    model = fake_model(says)
    model.engine.check_grammar = check
    with running(model) as client:
        body = {"prompt": "abc", "structured_outputs": {"regex": "a"}}
        assert client.post("/v1/completions", json=body).status_code == 200
        wait_for(lambda: (gc.collect(), made[0]())[1] is None)
    assert seen == [True]


def test_a_grammar_that_is_known_to_be_bad_is_refused_alike():
    model = fake_model(lambda prompt: "hi")

    def judged(grammar):
        raise UsageError("This grammar is bad.")

    model.engine.judged = judged
    with running(model) as client:
        body = {"prompt": "abc", "structured_outputs": {"regex": "bad"}}
        assert client.post("/v1/completions", json=body).json()["error"]["code"] == "invalid_grammar"


def test_scores_and_new_grammars_of_one_client_keep_no_answers_waiting():
    model, go = fake_model(lambda prompt: "hi"), threading.Event()
    model.engine.score = lambda ids, is_left: [go.wait(20) * -1.0] * (len(ids) - 1)
    model.engine.check_grammar = lambda grammar: go.wait(20) and None
    with running(model, max_running=1) as client:
        scoring = {"prompt": ["abc"] * 9, "echo": True, "logprobs": 1, "max_tokens": 0}
        constrained = {"prompt": "abc", "structured_outputs": {"regex": "a"}}
        asking = [
            threading.Thread(target=client.post, args=("/v1/completions",), kwargs={"json": body})
            for body in [scoring, constrained] * 8
        ]
        for one in asking:
            one.start()
        time.sleep(0.3)
        assert chat(client, timeout=None).status_code == 200
        go.set()
        for one in asking:
            one.join(20)
