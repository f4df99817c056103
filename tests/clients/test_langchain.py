"""LangChain's ChatOpenAI: messages, stream, tools, structured output."""

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from tests.clients.conftest import NAME

FRANCE = "What is the capital of France? Answer in one sentence."


class City(BaseModel):
    """A city."""

    name: str
    num_letters: int


@tool
def add(first: int, second: int) -> int:
    """Add two numbers."""
    return first + second


@pytest.fixture(scope="module")
def chat(server):
    return ChatOpenAI(
        model=NAME, base_url=f"{server}/v1", api_key="EMPTY", temperature=0, max_completion_tokens=100, max_retries=0
    )


def test_invoke(chat):
    answer = chat.invoke(FRANCE)
    assert "Paris" in answer.content
    assert answer.usage_metadata["output_tokens"] > 0 and answer.response_metadata["finish_reason"] == "stop"


def test_stream(chat):
    pieces = list(chat.stream(FRANCE, stream_usage=True))
    assert len(pieces) > 3 and "".join(piece.content for piece in pieces) == chat.invoke(FRANCE).content
    assert sum(piece.usage_metadata["output_tokens"] for piece in pieces if piece.usage_metadata) > 0


def test_batch(chat):
    assert all("Paris" in answer.content for answer in chat.batch([FRANCE] * 4))


def test_tools_there_and_back(chat):
    able = chat.bind_tools([add], tool_choice="add")
    question = HumanMessage("What is 2 + 3?")
    answer = able.invoke([question])
    (call,) = answer.tool_calls
    assert call["name"] == "add" and set(call["args"]) == {"first", "second"}
    result = ToolMessage(str(add.invoke(call["args"])), tool_call_id=call["id"])
    assert isinstance(chat.bind_tools([add]).invoke([question, answer, result]).content, str)


def test_a_streamed_tool_call(chat):
    pieces = None
    for piece in chat.bind_tools([add], tool_choice="any").stream("What is 2 + 3?"):
        pieces = piece if pieces is None else pieces + piece
    assert set(pieces.tool_calls[0]["args"]) == {"first", "second"}


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(chat, method):
    assert isinstance(chat.with_structured_output(City, method=method).invoke("Describe Paris."), City)


def test_tools_and_a_form_together(chat):
    """The model may call, or answer in the form: LangChain sends both in one request."""
    able = chat.bind_tools([add], response_format=City, strict=True)
    question = HumanMessage("Describe Paris.")
    answer = able.invoke([question])
    assert answer.tool_calls or City.model_validate_json(answer.content)
    forced = chat.bind_tools([add], tool_choice="add").invoke("What is 2 + 3?")
    result = ToolMessage("5", tool_call_id=forced.tool_calls[0]["id"])
    after = able.invoke([HumanMessage("What is 2 + 3?"), forced, result])
    assert after.tool_calls or City.model_validate_json(after.content)
