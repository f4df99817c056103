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


def test_one_call_where_they_must_not_be_parallel():
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
    for is_parallel, num in ((False, 1), (True, 2)):
        body = {"input": "hi", "tools": tools, "parallel_tool_calls": is_parallel}
        with running(fake_model([call * 2, call * 2])) as client:
            made = client.post("/v1/responses", json=body).json()
            streamed = client.post("/v1/responses", json={**body, "stream": True}).text
        assert [item["type"] for item in made["output"]] == ["function_call"] * num
        assert made["parallel_tool_calls"] is is_parallel
        assert streamed.count("event: response.function_call_arguments.done") == num
