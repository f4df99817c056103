"""The three quick starts of the upstream README, by the Python API, on the demo model and its real engine.

The demo model is small and English, so what is asserted is the working, not the wisdom, of the answers.
"""

import pytest

import zhinao


@pytest.fixture(scope="module")
def model(demo):
    with zhinao.load(str(demo)) as loaded:
        yield loaded


def test_base_model(model):
    prompt = "Days of the week\n1. Monday\n2. Tuesday\n3. Wednesday\n"
    reply = model.generate(prompt, max_tokens=24, temperature=0)
    assert reply.text.lstrip().startswith("4. Thursday")
    assert reply.usage.prompt_tokens == len(model.tokenizer.encode(prompt))
    assert model.generate(prompt, max_tokens=24, temperature=0).ids == reply.ids


def test_instruct_model_with_two_rounds(model):
    messages = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
    first = model.chat(messages, max_tokens=60, temperature=0)
    assert "Paris" in first.content
    assert (first.finish_reason, first.reasoning_content) == ("stop", None)
    messages += [first.message, {"role": "user", "content": "Which city did I ask about the capital of?"}]
    second = model.stream(messages, max_tokens=60, temperature=0)
    assert "".join(event.text for event in second) == second.reply.content
    known = len(model.render(messages[:1]).ids)
    assert second.prompt_ids[:known] == model.render(messages[:1]).ids  # the first round is in the prefix cache
    assert model.chat(messages, max_tokens=60, temperature=0).content == second.reply.content


def test_thinking_model_splits_thought_and_answer(model):
    """The demo model does not think, so the prompt opens a thought, and the budget closes it."""
    messages = [
        {"role": "user", "content": "How much is 2 + 3?"},
        {"role": "assistant", "content": "<think>\nThe user wants"},
    ]
    stream = model.stream(messages, continue_final=True, thinking_budget=12, max_tokens=80, temperature=0)
    kinds = [event.kind for event in stream]
    reply = stream.reply
    assert kinds.index("thought") < kinds.index("note") < kinds.index("answer")
    assert reply.reasoning_content.endswith("I will stop thinking here and give the answer now.")
    assert reply.content and "think>" not in reply.content + reply.reasoning_content
    assert (reply.thought_end, reply.usage.reasoning_tokens) == ("budget", 12)
    assert reply.message["reasoning_content"] == reply.reasoning_content


def test_likelihood_of_a_text(model):
    good, bad = model.score("Paris is the capital of France."), model.score("Paris is the capital of bananas.")
    assert len(good.logprobs) == len(good.ids) - 1
    assert good.total > bad.total and good.perplexity < bad.perplexity


def test_stop_strings_and_seeds(model):
    messages = [{"role": "user", "content": "Count from one to ten in digits, with commas."}]
    reply = model.chat(messages, stop=["5"], max_tokens=60, temperature=0)
    assert reply.finish_reason in ("stop", "length") and "5" not in reply.content
    drawn = [model.chat(messages, seed=seed, temperature=1.5, max_tokens=20).ids for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
