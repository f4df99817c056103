"""LiteLLM, which programs use to speak to many servers in one way."""

import litellm
import pytest

from tests.clients.conftest import NAME

FRANCE = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]


@pytest.fixture
def settings(server):
    litellm.telemetry = False
    return {"model": f"hosted_vllm/{NAME}", "api_base": f"{server}/v1", "api_key": "EMPTY", "temperature": 0}


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
def test_chat(settings, provider):
    answer = litellm.completion(messages=FRANCE, max_tokens=40, **{**settings, "model": f"{provider}/{NAME}"})
    assert "Paris" in answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0


def test_stream(settings):
    chunks = litellm.completion(messages=FRANCE, max_tokens=40, stream=True, **settings)
    assert "Paris" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def test_schema(settings):
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris"]}}, "required": ["city"]}
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    answer = litellm.completion(messages=FRANCE, max_tokens=60, response_format=form, **settings)
    assert '"Paris"' in answer.choices[0].message.content


def test_text_completion(settings):
    prompt = "Days of the week\n1. Monday\n2. Tuesday\n3. Wednesday\n"
    settings = {**settings, "model": f"text-completion-openai/{NAME}"}
    answer = litellm.text_completion(prompt=prompt, max_tokens=12, **settings)
    assert answer.choices[0].text.startswith("4. Thursday")


def test_errors_have_litellm_s_types(settings):
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(messages=FRANCE, num_retries=0, **{**settings, "model": "hosted_vllm/other"})
    with pytest.raises(litellm.ContextWindowExceededError):
        litellm.completion(messages=[{"role": "user", "content": "x " * 40_000}], num_retries=0, **settings)
