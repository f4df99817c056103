"""The Python API on an engine that says what is written down; the real one is in test_quick_starts.py."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chat.fake_engine import fake_model
from zhinao.api.loops import MIN_TOKENS, repeats_itself
from zhinao.errors import ContextLengthError, EngineError, UsageError

HI = [{"role": "user", "content": "hi"}]
OPENING = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{{ '<|im_start|>assistant\n<think>\n' }}"


def merged(events):
    thought = answer = ""
    for event in events:
        if event.kind == "reclassify":
            thought, answer = thought + answer, ""
        thought += event.text if event.kind == "thought" else ""
        answer += event.text if event.kind == "answer" else ""
    return thought, answer


def test_reply_of_a_plain_model():
    model = fake_model(["你好！"], sampling={"temperature": 0.3, "top_p": 0.8})
    reply = model.chat(HI, top_p=0.5, seed=7)
    assert (reply.content, reply.reasoning_content, reply.finish_reason, reply.thought_end) == (
        "你好！",
        None,
        "stop",
        None,
    )
    assert reply.message == {"role": "assistant", "content": "你好！"}
    prompt, sampling = model.engine.requests[0]
    assert prompt.endswith("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    assert (sampling.temperature, sampling.top_p, sampling.seed) == (0.3, 0.5, 7)
    assert len(sampling.stop_ids) == 3
    assert reply.usage.prompt_tokens == len(model.render(HI).ids)
    assert reply.usage.completion_tokens == len(reply.ids) == 10


def test_thought_and_answer_in_both_names():
    model = fake_model(["<think>\n想\n</think>\n\n答案"], thinks=True)
    reply = model.chat(HI)
    assert (reply.reasoning_content, reply.reasoning, reply.content) == ("想", "想", "答案")
    assert (reply.thought_end, reply.usage.reasoning_tokens) == ("closed", 6)
    assert reply.message == {"role": "assistant", "content": "答案", "reasoning_content": "想"}


def test_thought_that_the_prompt_opened_or_that_nobody_opened():
    for template, thinks in ((OPENING, False), (None, True)):
        model = fake_model(["so 3\n</think>\n\nthree"], chat_template=template, thinks=thinks)
        stream = model.stream(HI)
        assert merged(stream) == ("so 3" if template else "so 3\n", "three")
        assert stream.reply.content == "three" and stream.reply.thought_end == "closed"


def test_thought_that_never_ends_is_no_answer():
    reply = fake_model(["thinking …"], chat_template=OPENING).chat(HI, max_tokens=8)
    assert (reply.content, reply.reasoning_content) == ("", "thinking")
    assert (reply.finish_reason, reply.thought_end) == ("length", "unfinished")


@pytest.mark.parametrize("template", [None, OPENING])
def test_thinking_budget(template):
    model = fake_model(["<think>" * (not template) + "abcdefghij…", "the answer"], chat_template=template, thinks=True)
    stream = model.stream(HI, thinking_budget=5, max_tokens=200)
    events = list(stream)
    assert [e.text for e in events if e.kind == "note"] == ["the thinking budget is used up; closing the thought"]
    thought = "abcde" if template else "abcd"  # the marker is a token of the thought
    assert stream.reply.reasoning_content == f"{thought}\n\nI will stop thinking here and give the answer now."
    assert (stream.reply.content, stream.reply.thought_end, stream.reply.finish_reason) == (
        "the answer",
        "budget",
        "stop",
    )
    first, second = model.engine.requests
    assert second[0].startswith(first[0])
    assert second[0].endswith(f"{thought}\n\nI will stop thinking here and give the answer now.\n</think>\n\n")
    assert second[1].max_tokens == 200 - (len(stream.reply.ids) - len("the answer") - 1)


@pytest.mark.parametrize(
    ("template", "end"), [(None, "assistant\n<think>\n\n</think>\n\n"), (OPENING, "<think>\n\n</think>\n\n")]
)
def test_budget_zero_asks_for_the_answer_at_once(template, end):
    model = fake_model(["the answer"], chat_template=template, thinks=True)
    reply = model.chat(HI, thinking_budget=0)
    assert (reply.content, reply.reasoning_content) == ("the answer", "")
    assert len(model.engine.requests) == 1 and model.engine.requests[0][0].endswith(end)


def test_budget_means_nothing_to_a_model_that_does_not_think():
    assert fake_model(["a long answer"]).chat(HI, thinking_budget=3).content == "a long answer"


def test_answer_now_from_another_thread_closes_in_the_thoughts_language():
    model = fake_model(["<think>我在想呢", "答"], thinks=True, hold="我在想")
    stream = model.stream(HI)
    threading.Timer(0.1, stream.answer_now).start()
    assert merged(stream) == ("我在想\n\n我先想到这里，现在给出答案。", "答")
    assert stream.reply.thought_end == "answer_now"
    assert not stream.answer_now()


def test_answer_now_before_anything_was_said():
    model = fake_model(["late", "at once"], thinks=True)
    stream = model.stream(HI)
    assert stream.answer_now() and not stream.answer_now()
    assert stream.result().content == "at once"
    assert model.engine.requests[1][0].endswith("assistant\n<think>\n\n</think>\n\n")


def test_answer_now_drops_half_a_character():
    model = fake_model(["<think>好" + "想" * 9, "A"], thinks=True)
    reply = model.chat(HI, thinking_budget=1 + 3 + 2)  # two bytes into the second character
    assert reply.reasoning_content.startswith("好\n\n我先")
    assert "\ufffd" not in model.engine.requests[1][0]
    assert reply.content == "A"


def test_answer_now_does_nothing_to_an_answer():
    model = fake_model(["an answer"])
    stream = model.stream(HI)
    assert not stream.answer_now()
    assert stream.result().content == "an answer"


def test_cancel_keeps_the_part():
    model = fake_model(["one two three"], hold="two")
    stream = model.stream(HI)
    threading.Timer(0.1, stream.cancel).start()
    assert stream.result().content == "one two"
    assert stream.reply.finish_reason == "cancelled"
    stream.cancel()


def test_leaving_the_loop_cancels():
    model = fake_model(["one two three"])
    with model.stream(HI) as stream:
        for _ in stream:
            break
    assert stream._generation._cancelled.is_set()
    with fake_model(["x"]).stream(HI) as unused:
        pass
    assert unused._generation._cancelled.is_set()


def test_a_thought_in_circles_is_closed():
    model = fake_model(["<think>well. " + "wait, again. " * 400, "done"], thinks=True)
    stream = model.stream(HI)
    notes = [event.text for event in stream if event.kind == "note"]
    assert notes == ["the thought repeats itself; closing it"]
    assert (stream.reply.content, stream.reply.thought_end) == ("done", "loop")
    assert stream.reply.usage.reasoning_tokens < 300


def test_stop_strings_end_the_answer():
    reply = fake_model(["1. one\n2. two"]).chat(HI, stop="\n2")
    assert (reply.content, reply.finish_reason) == ("1. one", "stop")
    assert fake_model(["a b c"]).chat(HI, stop=["x", " c"]).content == "a b"


def test_completion_and_score():
    model = fake_model(["6. 谷雨\n<think>"])
    reply = model.generate("5. 清明\n", logprobs=True)
    assert model.engine.requests[0][0] == "5. 清明\n"
    assert model.engine.requests[0][1].max_tokens == 1024
    assert (reply.text, reply.reasoning_content) == ("6. 谷雨\n<think>", None)
    assert len(reply.logprobs) == len(reply.ids)
    score = model.score("abcd")
    assert (score.total, len(score.ids), round(score.perplexity, 3)) == (-3.0, 4, 2.718)
    assert fake_model(["x"]).generate([104, 105]).usage.prompt_tokens == 2


def test_prompt_tokens_in_text_stay_text():
    model = fake_model(["x"])
    model.generate("<eod>")
    assert model.engine.requests[0][0] == "<eod>"
    assert model.tokenizer.eos_id not in model.tokenizer.encode("<eod>")


def test_errors_come_before_anything_runs():
    model = fake_model(["x"], num_context_tokens=20)
    with pytest.raises(ContextLengthError):
        model.stream(HI)
    with pytest.raises(UsageError, match="prompt is empty"):
        fake_model(["x"]).generate("")


def test_context_that_ends_during_a_closing_is_a_length_stop():
    model = fake_model(["thinking away"], chat_template=OPENING, num_context_tokens=60)
    reply = model.chat(HI, thinking_budget=3)
    assert (reply.finish_reason, reply.content, reply.thought_end) == ("length", "", "budget")


def test_engine_errors_pass_and_the_part_is_known():
    stream = fake_model(["partCRASH"]).stream(HI)
    with pytest.raises(EngineError):
        list(stream)
    assert stream.reply.content == "part"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"temprature": 1}, "Unknown setting 'temprature'.*did you mean temperature"),
        ({"stop_ids": (1,)}, "Unknown setting 'stop_ids'"),
        ({"temperature": "hot"}, "temperature is 'hot'; it must be a number"),
        ({"temperature": -1}, "temperature is -1; allowed"),
        ({"seed": 1.5}, "seed is 1.5; it must be a whole number"),
        ({"max_tokens": True}, "max_tokens is True"),
        ({"logprobs": 1}, "logprobs is 1; it must be true / false"),
        ({"stop": 3}, "stop is"),
        ({"stop": [""]}, "stop is"),
        ({"thinking_budget": -1}, "thinking_budget is -1"),
        ({"thinking_budget": "5"}, "thinking_budget is '5'"),
    ],
)
def test_bad_settings_are_named(settings, sentence):
    with pytest.raises(UsageError, match="(?s)" + sentence):
        fake_model(["x"]).chat(HI, **settings)


def test_completion_takes_no_message_settings():
    with pytest.raises(UsageError, match="no tools, thinking_budget"):
        fake_model(["x"]).generate("a", tools=[], thinking_budget=1)


def test_close_closes_the_engine():
    with fake_model([]) as model:
        pass
    assert model.engine.is_closed


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(0, 300), st.lists(st.integers(0, 5), max_size=50)
)
def test_loops_are_found_where_they_are(period, extra, before):
    copies = max(-(-MIN_TOKENS // len(period)), 4) + 1
    looping = before + (period * (copies + extra))[: len(period) * copies + extra]
    assert repeats_itself(looping)
    assert not repeats_itself(list(range(len(looping))))


def test_ordinary_repetition_is_no_loop():
    assert not repeats_itself(list(b"-" * 150))
    assert not repeats_itself(list(b"".join(b"step %d: add %d\n" % (n, n * n) for n in range(60))))
