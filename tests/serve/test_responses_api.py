"""`/v1/responses` on the running server; the mapping itself is tested in test_responses.py."""

import json

from tests.chat.fake_engine import fake_model
from tests.serve.running_server import running


def test_create_and_stream():
    with running(fake_model(["你好", "你好"])) as client:
        made = client.post("/v1/responses", json={"input": "hi", "store": False, "reasoning": {"effort": "low"}})
        streamed = client.post("/v1/responses", json={"input": "hi", "stream": True})
    assert (made.json()["object"], made.json()["status"]) == ("response", "completed")
    assert made.json()["output"][0]["content"][0]["text"] == "你好"
    assert "reasoning" in made.headers["x-zhinao-ignored"]
    lines = [line[6:] for line in streamed.text.split("\n") if line.startswith("data: ")]
    found = [json.loads(line) for line in lines]
    assert found[0]["type"] == "response.created" and found[-1]["type"] == "response.completed"
    assert "".join(e["delta"] for e in found if e["type"] == "response.output_text.delta") == "你好"
    assert [e["sequence_number"] for e in found] == list(range(len(found)))


def test_refusals():
    with running(fake_model(["x"])) as client:
        post = lambda **body: client.post("/v1/responses", json=body)  # noqa: E731
        assert post(input="a", previous_response_id="resp_1").json()["error"]["param"] == "previous_response_id"
        assert post(input="a", temperature="hot").status_code == 422
        assert post(input="a", model="gpt-4").status_code == 404
        assert post(input=5).status_code == 422
