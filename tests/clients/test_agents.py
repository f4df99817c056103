"""The OpenAI agents package over both APIs: a tool, an answer in a form, and both in one agent, whole and streamed."""

import asyncio

import openai
import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from agents.exceptions import MaxTurnsExceeded
from pydantic import BaseModel

from tests.clients.conftest import NAME

set_tracing_disabled(True)


class City(BaseModel):
    name: str
    is_capital: bool


@function_tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    called.append(city)
    return f"Sunny in {city}."


called: list[str] = []


@pytest.fixture(params=[OpenAIChatCompletionsModel, OpenAIResponsesModel], ids=["chat", "responses"])
def run(server, request):
    """`run(question, streamed=False, **agent)` gives the result of an agent's run."""

    def running(question: str, is_streamed: bool = False, **agent):
        return asyncio.run(_run(server, request.param, question, is_streamed, agent))

    return running


async def _run(server: str, kind, question: str, is_streamed: bool, agent: dict):
    async with openai.AsyncOpenAI(base_url=f"{server}/v1", api_key="EMPTY", max_retries=0, timeout=120) as client:
        settings = ModelSettings(temperature=0, max_tokens=120, tool_choice=agent.pop("tool_choice", None))
        made = Agent(
            name="guide",
            instructions="You are a guide.",
            model=kind(model=NAME, openai_client=client),
            model_settings=settings,
            **agent,
        )
        if not is_streamed:
            return await Runner.run(made, question, max_turns=3)
        result = Runner.run_streamed(made, question, max_turns=3)
        async for _ in result.stream_events():
            pass
        return result


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_answer(run, is_streamed):
    assert "Paris" in run("What is the capital of France? Answer in one sentence.", is_streamed).final_output


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_form(run, is_streamed):
    assert isinstance(run("Describe Paris.", is_streamed, output_type=City).final_output, City)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_demanded_tool_and_its_result(run, is_streamed):
    called.clear()
    result = run("How is the weather in Paris?", is_streamed, tools=[get_weather], tool_choice="required")
    assert len(called) == 1 and result.final_output


@pytest.mark.parametrize("choice", [None, "required"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_tool_and_a_form_together(run, is_streamed, choice):
    """A small model may call without end, which is the package's own limit; every answer it gives is in the form."""
    called.clear()
    try:
        result = run(
            "How is the weather in Paris?", is_streamed, tools=[get_weather], output_type=City, tool_choice=choice
        )
    except MaxTurnsExceeded:
        assert called
        return
    assert isinstance(result.final_output, City) and (choice is None or called)
