"""The `openai` package: sync, async, stream, tools, parse into a schema, errors, completions, responses."""

import asyncio

import openai
import pytest
from pydantic import BaseModel

from tests.clients.conftest import NAME

FRANCE = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
GREEDY = {"model": NAME, "temperature": 0, "max_tokens": 40}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}


class City(BaseModel):
    name: str
    is_capital: bool
    num_letters: int


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server}/v1", api_key="EMPTY", max_retries=0, timeout=120) as made:
        yield made


def test_models(client):
    assert [model.id for model in client.models.list()] == [NAME]
    assert client.models.retrieve(NAME).id == NAME


def test_chat(client):
    answer = client.chat.completions.create(messages=FRANCE, **GREEDY)
    assert "Paris" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_stream_says_the_same(client):
    whole = client.chat.completions.create(messages=FRANCE, **GREEDY)
    stream = client.chat.completions.create(
        messages=FRANCE, stream=True, stream_options={"include_usage": True}, **GREEDY
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage and not chunks[-1].choices
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]


def test_stream_helper_of_the_package(client):
    with client.chat.completions.stream(messages=FRANCE, **GREEDY) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert "Paris" in final.choices[0].message.content


def test_async_many_at_once(server):
    async def asking():
        async with openai.AsyncOpenAI(base_url=f"{server}/v1", api_key="EMPTY", timeout=120) as client:

            async def one(number: int) -> str:
                stream = await client.chat.completions.create(messages=FRANCE, stream=True, **GREEDY)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

            return await asyncio.gather(*(one(number) for number in range(8)))

    assert all("Paris" in text for text in asyncio.run(asking()))


def test_leaving_a_stream_frees_its_slot(client, server):
    stream = client.chat.completions.create(
        model=NAME, messages=FRANCE, stream=True, max_tokens=4000, extra_body={"ignore_eos": True}
    )
    next(iter(stream))
    stream.close()
    assert running_falls_to_zero(server)


def running_falls_to_zero(server: str) -> bool:
    import time
    import urllib.request

    for _ in range(100):
        page = urllib.request.urlopen(f"{server}/metrics", timeout=10).read().decode()
        if f'vllm:num_requests_running{{model_name="{NAME}"}} 0.0' in page:
            return True
        time.sleep(0.1)
    return False


def test_several_answers_with_a_seed(client):
    settings = {"model": NAME, "messages": FRANCE, "seed": 7, "temperature": 1.5, "max_tokens": 12}
    many = client.chat.completions.create(n=3, **settings)
    assert len({choice.message.content for choice in many.choices}) > 1
    first, second = (client.chat.completions.create(**settings) for _ in range(2))  # alone: batches round differently
    assert first.choices[0].message.content == second.choices[0].message.content


def test_logprobs(client):
    answer = client.chat.completions.create(messages=FRANCE, logprobs=True, **GREEDY)
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == answer.choices[0].message.content
    assert all(token.logprob <= 0 for token in tokens)


def test_parse_into_a_schema(client):
    answer = client.chat.completions.parse(
        model=NAME,
        messages=[{"role": "user", "content": "Describe Paris as JSON."}],
        response_format=City,
        temperature=0,
        max_tokens=200,
    )
    assert isinstance(answer.choices[0].message.parsed, City)


def test_a_forced_tool_call_and_its_result(client):
    messages = [{"role": "user", "content": "How is the weather in Paris for 2 days?"}]
    named = {"type": "function", "function": {"name": "get_weather"}}
    for choice in (named, "required"):
        answer = client.chat.completions.create(
            model=NAME, messages=messages, tools=[WEATHER], tool_choice=choice, temperature=0, max_tokens=100
        )
        (call,) = answer.choices[0].message.tool_calls
        assert call.function.name == "get_weather"
        assert answer.choices[0].finish_reason in ("tool_calls", "stop")
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny, 20 °C"}]
    after = client.chat.completions.create(messages=messages, tools=[WEATHER], **GREEDY)
    assert after.choices[0].message.content is not None or after.choices[0].message.tool_calls


def test_a_streamed_tool_call(client):
    with client.chat.completions.stream(
        model=NAME,
        messages=[{"role": "user", "content": "How is the weather in Rome?"}],
        tools=[{**WEATHER, "function": {**WEATHER["function"], "strict": True}}],
        tool_choice="required",
        temperature=0,
        max_tokens=100,
    ) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_completion().choices[0].message
    assert "tool_calls.function.arguments.delta" in kinds
    assert message.tool_calls[0].function.parsed_arguments["city"] in ("Paris", "Rome")


def test_completions(client):
    prompt = "Days of the week\n1. Monday\n2. Tuesday\n3. Wednesday\n"
    answer = client.completions.create(prompt=prompt, logprobs=1, echo=True, **GREEDY)
    (choice,) = answer.choices
    assert choice.text.startswith(prompt + "4. Thursday")
    assert "".join(choice.logprobs.tokens) == choice.text
    assert choice.logprobs.token_logprobs[0] is None
    many = client.completions.create(prompt=[prompt, "One, two,"], **GREEDY)
    assert [choice.index for choice in many.choices] == [0, 1]
    streamed = client.completions.create(prompt=prompt, stream=True, **GREEDY)
    assert "".join(chunk.choices[0].text for chunk in streamed if chunk.choices) == many.choices[0].text


def test_responses(client):
    settings = {"model": NAME, "input": FRANCE[0]["content"], "temperature": 0, "max_output_tokens": 40, "store": False}
    answer = client.responses.create(**settings)
    assert "Paris" in answer.output_text and answer.status == "completed"
    with client.responses.stream(**{k: v for k, v in settings.items() if k != "store"}) as stream:
        kinds = {event.type for event in stream}
        assert stream.get_final_response().output_text == answer.output_text
    assert {"response.created", "response.output_text.delta", "response.completed"} <= kinds


def test_errors_are_the_package_s_own(client):
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(messages=FRANCE, **{**GREEDY, "model": "gpt-4"})
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(messages=[{"role": "user", "content": "x " * 40_000}], **GREEDY)
    assert refused.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(messages=FRANCE, **{**GREEDY, "temperature": -1})
    with pytest.raises(openai.BadRequestError, match="logit_bias"):
        client.chat.completions.create(messages=FRANCE, logit_bias={"5": 1}, **GREEDY)


def test_unknown_fields_are_named(client):
    answer = client.chat.completions.with_raw_response.create(
        messages=FRANCE, extra_body={"temprature": 1, "chat_template_kwargs": {}}, **GREEDY
    )
    assert answer.headers["X-Zhinao-Ignored"] == "temprature"
    assert answer.headers["X-Request-Id"]
