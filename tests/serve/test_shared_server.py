"""A server that others use, whole: keys, limits, queue, counts and log around the real routes."""

import logging
import threading

import pytest

from tests.chat.fake_engine import fake_model
from tests.serve.running_server import chat, running, wait_for

ALICE, BOB = ({"Authorization": f"Bearer sk-{name}"} for name in ("alice", "bob"))
KEYS = [("alice", "sk-alice"), ("bob", "sk-bob")]


def ask(client, headers=None, path="/v1/chat/completions", **fields):
    body = {"messages": [{"role": "user", "content": "geheim"}], **fields}
    return client.post(path, json=body, headers=headers)


def hello(**settings):
    return running(fake_model(lambda prompt: "hello"), **settings)


def test_every_route_but_health_wants_a_key():
    with hello(keys=KEYS) as client:
        description = client.get("/openapi.json").json()
        for path, operations in description["paths"].items():
            for method in operations:
                status = client.request(method, path.replace("{request_id}", "x").replace("{name}", "y")).status_code
                assert status == (200 if path == "/health" else 401), (method, path)
        assert ask(client, ALICE).status_code == 200
        assert ask(client, {"Authorization": "Bearer sk-eve"}).json()["error"]["code"] == "invalid_api_key"


def test_tokens_of_one_key_run_out_and_the_other_s_do_not():
    with hello(keys=KEYS, tokens_per_minute=50) as client:
        first = ask(client, ALICE)
        assert first.headers["x-ratelimit-limit-tokens"] == "50"
        assert first.json()["usage"]["total_tokens"] > 50
        wait_for(lambda: client.service.admission.num_running == 0)
        second = ask(client, ALICE)
        assert second.status_code == 429 and second.json()["error"]["code"] == "rate_limit_exceeded"
        assert 1 <= int(second.headers["Retry-After"]) <= 60
        assert ask(client, BOB).status_code == 200


def test_a_full_queue_is_told_and_a_client_that_leaves_makes_room():
    model = fake_model(lambda prompt: "abcdef", hold="abc")
    with running(model, max_running=1, max_queued=0) as client:
        body = {"messages": [{"role": "user", "content": "x"}], "stream": True}
        with client.stream("POST", "/v1/chat/completions", json=body) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("data: ")
            refused = ask(client)
            assert refused.status_code == 429 and refused.json()["error"]["code"] == "queue_full"
            assert int(refused.headers["Retry-After"]) >= 1
        wait_for(lambda: client.service.admission.num_running == 0)
        model.engine.hold = None
        assert ask(client).status_code == 200


def test_whoever_waits_is_served_in_turn():
    model = fake_model(lambda prompt: "abcdef", delay=0.02)
    with running(model, max_running=1, max_queued=8) as client:
        statuses: list[int] = []
        threads = [threading.Thread(target=lambda: statuses.append(ask(client).status_code)) for _ in range(5)]
        for thread in threads:
            thread.start()
        wait_for(lambda: client.service.admission.num_waiting >= 2)
        for thread in threads:
            thread.join()
        assert statuses == [200] * 5


def test_counts_for_prometheus():
    with hello() as client:
        usage = chat(client).json()["usage"]
        assert ask(client, temperature=-1).status_code == 400
        wait_for(lambda: client.service.admission.num_running == 0)
        page = client.get("/metrics").text
    name = '{model_name="fake"}'
    assert f"vllm:prompt_tokens_total{name} {float(usage['prompt_tokens'])}" in page
    assert f"vllm:generation_tokens_total{name} {float(usage['completion_tokens'])}" in page
    assert 'vllm:request_success_total{finished_reason="stop",model_name="fake"} 1.0' in page
    assert f"vllm:time_to_first_token_seconds_count{name} 1.0" in page
    assert f"vllm:num_requests_running{name} 0.0" in page
    assert 'zhinao:http_responses_total{route="/v1/chat/completions",status="200"} 1.0' in page
    assert 'zhinao:http_responses_total{route="/v1/chat/completions",status="400"} 1.0' in page


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_log_tells_who_and_how_much_but_not_what(caplog, is_stream):
    with hello(keys=KEYS) as client, caplog.at_level(logging.INFO, "zhinao.serve"):
        logging.getLogger("zhinao.serve").propagate = True
        ask(client, ALICE, user="u1", stream=is_stream)
        wait_for(lambda: any(hasattr(record, "request") for record in caplog.records))
    record = next(record.request for record in caplog.records if hasattr(record, "request"))
    assert (record.key, record.user, record.status, record.finish_reason) == ("alice", "u1", 200, "stop")
    assert record.prompt_tokens > 0 and record.completion_tokens > 0 and record.first_token_seconds >= 0
    assert (record.prompt, record.answer) == (None, None)
    assert "geheim" not in str(record)


def test_too_large_is_told_by_the_real_routes_too():
    with hello(max_body_mb=0.01) as client:
        refused = ask(client, user="x" * 20_000)
        assert refused.status_code == 413 and "10 kB" in refused.json()["error"]["message"]


def test_a_page_of_another_site_cannot_make_the_model_work():
    with hello() as client:
        assert ask(client, {"Origin": "https://evil.example"}).status_code == 403
        assert client.get("/v1/models", headers={"Host": "evil.example"}).status_code == 403
