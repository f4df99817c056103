"""What the Codex CLI sends to `/v1/responses`: its own tools are passed over and named, everything said is kept."""

import json

import pytest

from tests.chat.fake_engine import fake_model
from tests.serve import codex
from tests.serve.running_server import running
from zhinao.serve.errors import ApiError
from zhinao.serve.openai.responses.request import chat_form

IGNORED = ("tools.local_shell", "tools.web_search", "tools.custom", "tools.namespace")


def test_tools_of_other_types_are_passed_over_and_named():
    form = chat_form(codex.request("m", codex.FIRST))
    assert [tool["function"]["name"] for tool in form.chat["tools"]] == ["shell", "update_plan"]
    assert set(IGNORED) < set(form.ignored)
    assert {"text.verbosity", "reasoning.effort", "include.reasoning.encrypted_content"} < set(form.ignored)


def test_a_conversation_that_began_elsewhere():
    form = chat_form(codex.request("m", codex.LATER))
    turns = form.chat["messages"]
    assert "input.web_search_call" in form.ignored
    calls = [call for turn in turns for call in turn.get("tool_calls", ())]
    assert [call["function"]["name"] for call in calls] == ["shell", "shell", "apply_patch", "local_shell"]
    assert json.loads(calls[2]["function"]["arguments"]) == {"input": "*** Begin"}
    assert json.loads(calls[3]["function"]["arguments"])["command"] == ["pwd"]
    assert [turn["content"] for turn in turns if turn["role"] == "tool"] == ["total 0", "no such file", "Done!", "/tmp"]
    assert turns[-2]["content"] == "Paris."


def test_the_stream_that_it_gets():
    with running(fake_model(lambda prompt: "Rome.")) as client:
        for items in (codex.FIRST, codex.LATER):
            reply = client.post("/v1/responses", json=codex.request("fake", items))
            assert reply.status_code == 200, reply.text
            found = [json.loads(line[6:]) for line in reply.text.split("\n") if line.startswith("data: ")]
            assert [found[0]["type"], found[-1]["type"]] == ["response.created", "response.completed"]
            whole = found[-1]["response"]
            assert [tool["name"] for tool in whole["tools"]] == ["shell", "update_plan"]
            assert whole["output"][0]["content"][0]["text"] == "Rome." and whole["usage"]["input_tokens"] > 0
            assert set(IGNORED) < set(reply.headers["x-zhinao-ignored"].split(", "))
        prompt = client.service.model.engine.requests[-1][0]
    assert all(word in prompt for word in ("Begin", "no such file", "pwd", "coding agent", "Ask before"))


def test_nothing_usable_and_a_call_demanded():
    form = chat_form({"input": "x", "tools": codex.FOREIGN})
    assert "tools" not in form.chat
    with running(fake_model(lambda prompt: "x")) as client:
        ask = lambda **more: client.post("/v1/responses", json={"input": "x", "tools": codex.FOREIGN, **more})  # noqa: E731
        assert ask().status_code == 200
        assert ask(tool_choice="auto").status_code == 200
        refused = ask(tool_choice="required")
        assert refused.status_code == 400 and "tool_choice" in refused.json()["error"]["message"]
        allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}
        assert ask(tool_choice=allowed).status_code == 200
        assert ask(tool_choice={**allowed, "mode": "required"}).status_code == 400


@pytest.mark.parametrize("choice", [{"type": "web_search"}, {"type": "custom", "name": "apply_patch"}])
def test_a_tool_that_is_not_here_cannot_be_demanded(choice):
    with pytest.raises(ApiError, match="tool_choice"):
        chat_form({"input": "x", "tools": [codex.SHELL, *codex.FOREIGN], "tool_choice": choice})


@pytest.mark.parametrize("tool", [{"name": "f"}, {"type": None, "name": "f"}, {"type": 5}, 5])
def test_a_tool_without_a_type_is_still_a_mistake(tool):
    with pytest.raises(ApiError, match="tools"):
        chat_form({"input": "x", "tools": [tool]})


def test_a_strict_server_refuses_them():
    with running(fake_model(lambda prompt: "x"), strict_params=True) as client:
        refused = client.post("/v1/responses", json={"input": "x", "tools": codex.FOREIGN})
    assert refused.status_code == 400 and "tools.local_shell" in refused.json()["error"]["message"]
