"""Each format as its users write it, and what a round trip through every format keeps."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhinao.data.read import formats, read
from zhinao.data.read.formats import qa
from zhinao.data.read.formats.fields import Misfit
from zhinao.data.sample import Place, Sample
from zhinao.prompt.messages import normalized

PLACE = Place("a.jsonl", 1, 1)


def sample_of(record: dict) -> tuple[str, Sample]:
    """The format that claims the record, and the sample; nothing in it may be left over."""
    [module] = formats.claiming(record)
    ignored = Counter()
    sample = module.read(record, PLACE, ignored)
    assert not +ignored
    return module.NAME, sample


def told(messages: list[dict]) -> list[tuple]:
    return [(m["role"], m["content"]) for m in messages]


def user(text: str, **more) -> dict:
    return {"role": "user", "content": text, **more}


def assistant(text: str, **more) -> dict:
    return {"role": "assistant", "content": text, **more}


def call(name: str = "f", arguments: str = '{"a": 1}', **more) -> dict:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


SYSTEM = {"role": "system", "content": "S"}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}

# record, format, the messages
CHATS = {
    "upstream's README": (
        {"conversations": [{"from": "system", "value": "S"}, {"from": "user", "value": "您好啊"}, {"from": "assistant", "value": "你好！"}]},
        "sharegpt",
        [SYSTEM, user("您好啊"), assistant("你好！")],
    ),
    "upstream's code": (
        {"conversations": [SYSTEM, user("a"), assistant("b")]},
        "conversations",
        [SYSTEM, user("a"), assistant("b")],
    ),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "system": "S"},
        "sharegpt",
        [SYSTEM, user("a"), assistant("b")],
    ),
    "sharegpt, the system twice": (
        {"conversations": [{"from": "system", "value": "S"}, {"from": "human", "value": "a"}], "system": "S", "tools": ""},
        "sharegpt",
        [SYSTEM, user("a")],
    ),
    "sharegpt with weights": (
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b", "loss": False}]},
        "sharegpt",
        [user("a"), assistant("b", weight=0.0)],
    ),
    "a system prompt beside messages": (
        {"messages": [user("a"), assistant("b")], "system": "S"},
        "messages",
        [SYSTEM, user("a"), assistant("b")],
    ),
    "developer and parts": (
        {"messages": [{"role": "developer", "content": "D"}, user([{"type": "text", "text": "a"}, "b"]), assistant("c")]},
        "messages",
        [{"role": "developer", "content": "D"}, user("ab"), assistant("c")],
    ),
    "parts with value, loss_weight": (
        {"messages": [user([{"type": "text", "value": "hi"}], loss_weight=0.0), assistant([{"type": "text", "value": "yo"}], loss_weight=0.5), assistant("x", loss_weight=1.0)]},
        "messages",
        [user("hi"), assistant("yo", weight=0.5), assistant("x")],
    ),
    "loss": (
        {"messages": [user("a", loss=False), assistant("b", loss=False), user("c"), assistant("d", loss=True, weight=1)]},
        "messages",
        [user("a"), assistant("b", weight=0.0), user("c"), assistant("d")],
    ),
    "reasoning": (
        {"messages": [user("a"), assistant("b", reasoning="r"), assistant(None, reasoning_content="r2")]},
        "messages",
        [user("a"), assistant("b", reasoning_content="r"), assistant("", reasoning_content="r2")],
    ),
    "names": ({"messages": [user("a", name="Li"), assistant("b")]}, "messages", [user("a", name="Li"), assistant("b")]),
    "alpaca": ({"instruction": "a", "input": "", "output": "b"}, "alpaca", [user("a"), assistant("b")]),
    "alpaca with input": ({"instruction": "a", "input": "x", "output": "b"}, "alpaca", [user("a\nx"), assistant("b")]),
    "alpaca, only input": ({"instruction": "", "input": "x", "output": "b"}, "alpaca", [user("x"), assistant("b")]),
    "alpaca with history": (
        {"instruction": "c", "output": "d", "system": "S", "history": [["a", "b"]]},
        "alpaca",
        [SYSTEM, user("a"), assistant("b"), user("c"), assistant("d")],
    ),
    "alpaca, empty history": ({"instruction": "c", "output": "d", "history": [], "system": ""}, "alpaca", [user("c"), assistant("d")]),
    "question and answer": (
        {"question": "c", "answer": "d", "system": "S", "history": [["a", "b"]]},
        "qa",
        [SYSTEM, user("a"), assistant("b"), user("c"), assistant("d")],
    ),
    "query and response": ({"query": "a", "response": "b", "history": []}, "qa", [user("a"), assistant("b")]),
    "belle": (
        {"instruction": "Human:你好\nAssistant:你好，请说\nHuman: 写诗\n两行\nAssistant:", "input": "", "output": " 春眠不觉晓\n"},
        "belle",
        [user("你好"), assistant("你好，请说"), user("写诗\n两行"), assistant("春眠不觉晓")],
    ),
    "belle, Chinese colons": (
        {"instruction": "Human：Human: 是什么？\n\nAssistant：人\n\nHuman：谢谢", "output": "不客气"},
        "belle",
        [user("Human: 是什么？"), assistant("人"), user("谢谢"), assistant("不客气")],
    ),
    "completion of messages": (
        {"prompt": [SYSTEM, user("a"), assistant("b"), user("c")], "completion": [assistant("d")]},
        "completion",
        [SYSTEM, user("a"), assistant("b", weight=0.0), user("c"), assistant("d")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("pair", qa.NAMES, ids=",".join)
def test_a_table_of_questions_and_answers(pair, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(f'\ufeff{",".join(pair)},id,system\n你好,您好,7,\nb,"c, d",8,S\n', encoding="utf-8")
    found = []
    said = [sample.messages for sample in read.read([str(file)], on_file=found.append)]
    assert said[0] == [user("你好"), assistant("您好")]
    assert said[1] == [{"role": "system", "content": "S"}, user("b"), assistant("c, d")]
    assert found[0].format == "qa" and +found[0].ignored == {"id": 2}


@pytest.mark.parametrize("name", CHATS)
def test_conversations_become_messages(name):
    record, format, messages = CHATS[name]
    before = json.dumps(record)
    assert sample_of(record) == (format, Sample("chat", PLACE, messages))
    assert json.dumps(record) == before
    normalized(messages)


def test_tools_and_calls_in_openais_form_and_in_sharegpts():
    openai = {
        "messages": [
            user("a"),
            assistant(None, tool_calls=[call(id="1"), call("g", id="2")]),
            {"role": "tool", "content": "x", "tool_call_id": "2"},
            assistant("b"),
        ],
        "tools": [TOOL],
    }
    format, sample = sample_of(openai)
    assert (format, sample.tools) == ("messages", [TOOL])
    assert sample.messages == [user("a"), assistant("", tool_calls=openai["messages"][1]["tool_calls"]), *openai["messages"][2:]]  # fmt: skip
    turns = [
        {"from": "human", "value": "a"},
        {"from": "function_call", "value": '{"name": "f", "arguments": {"城": "北京"}}'},
        {"from": "observation", "value": "晴"},
        {"from": "gpt", "value": "b"},
        {"from": "function_call", "value": '[{"name": "f"}, {"name": "g", "arguments": "{}"}]'},
    ]
    bare = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    for tools in ([bare], json.dumps([bare]), [TOOL]):
        format, sample = sample_of({"conversations": turns, "tools": tools})
        assert (format, sample.tools) == ("sharegpt", [TOOL])
    assert sample.messages == [
        user("a"),
        assistant("", tool_calls=[call("f", '{"城": "北京"}')]),
        {"role": "tool", "content": "晴"},
        assistant("b", tool_calls=[call("f", "{}"), call("g", "{}")]),  # said and called in one turn
    ]
    normalized(sample.messages)


PAIR = {"chosen": [assistant("x")], "rejected": [assistant("y")]}
# record, the prompt; chosen is x and rejected y
PAIRS = {
    "texts": ({"prompt": "a", "chosen": "x", "rejected": "y"}, [user("a")]),
    "texts with a system prompt": ({"prompt": "a", "system": "S", "chosen": "x", "rejected": "y"}, [SYSTEM, user("a")]),
    "alpaca": ({"instruction": "a", "input": "b", "chosen": "x", "rejected": "y"}, [user("a\nb")]),
    "TRL": ({"prompt": [user("a")], **PAIR}, [user("a")]),
    "messages": ({"messages": [SYSTEM, user("a")], **PAIR}, [SYSTEM, user("a")]),
    "llama-factory": (
        {
            "conversations": [{"from": "human", "value": "a"}],
            "chosen": {"from": "gpt", "value": "x"},
            "rejected": {"from": "gpt", "value": "y"},
        },
        [user("a")],
    ),
    "one message each": ({"prompt": "a", "chosen": assistant("x"), "rejected": assistant("y")}, [user("a")]),
    "whole conversations": (
        {"chosen": [SYSTEM, user("a"), assistant("x")], "rejected": [SYSTEM, user("a"), assistant("y")]},
        [SYSTEM, user("a")],
    ),
    "ultrafeedback": (
        {
            "prompt": "a",
            "messages": [user("a"), assistant("x")],
            "chosen": [user("a"), assistant("x")],
            "rejected": [user("a"), assistant("y")],
        },
        [user("a")],
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_preference_pairs(name):
    record, prompt = PAIRS[name]
    sample = Sample("preference", PLACE, prompt, None, [assistant("x")], [assistant("y")])
    assert sample_of(record) == ("preference", sample)
    assert sample_of(formats.write(sample, "preference")) == ("preference", sample)


def test_a_prompt_that_contradicts_the_pair():
    record = PAIRS["ultrafeedback"][0] | {"messages": None, "prompt": "other"}
    with pytest.raises(Misfit, match="differs from what chosen begins with"):
        sample_of(record)


def test_text_and_completions():
    assert sample_of({"text": "a\nb"}) == ("text", Sample("text", PLACE, text="a\nb"))
    completion = Sample("completion", PLACE, prompt="a", completion="")
    assert sample_of({"prompt": "a", "completion": ""}) == ("completion", completion)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12) | st.sampled_from(
    ["Human:a", "你好\nHuman：b", "\nAssistant:c", " x ", "<think>a</think>b", "{{name}}", ""]
)
names = st.sampled_from(["f", "get_weather"])
arguments = st.sampled_from(["{}", '{"a": 1}', '{"a":1}', '{"城市": "北京"}', "no json", "[1]", '{"a": 1, "a": 2}'])


@st.composite
def messages(draw) -> list[dict]:
    """Conversations of every shape: plain ones often, tools, thoughts and weights, roles in any order."""
    if draw(st.booleans()):
        said = [draw(texts) for _ in range(2 * draw(st.integers(1, 3)))]
        turns = [user(text) if n % 2 == 0 else assistant(text) for n, text in enumerate(said)]
        return [{"role": "system", "content": draw(texts)}] * draw(st.integers(0, 1)) + turns
    result = []
    for _ in range(draw(st.integers(1, 5))):
        message = {"role": draw(st.sampled_from(("system", "developer", "user", "assistant"))), "content": draw(texts)}
        if message["role"] == "assistant":
            if draw(st.booleans()):
                message["reasoning_content"] = draw(texts.filter(bool))
            if draw(st.booleans()):
                message["weight"] = draw(st.sampled_from([0.0, 0.5, 2.0]))
            if draw(st.booleans()):
                ids = draw(st.booleans())
                calls = [call(draw(names), draw(arguments)) for _ in range(draw(st.integers(1, 2)))]
                message["tool_calls"] = [c | {"id": f"c{len(result)}{n}"} if ids else c for n, c in enumerate(calls)]
        if result and result[-1]["role"] == "assistant" and "tool_calls" in message:
            message["content"] = message["content"] or "x"  # calls alone would be one turn with what stands before them
        result.append(message)
        if "tool_calls" in message and draw(st.booleans()):
            ids = {"tool_call_id": message["tool_calls"][0]["id"]} if "id" in message["tool_calls"][0] else {}
            result.append({"role": "tool", "content": draw(texts), **ids})
    return result


chats = st.builds(Sample, st.just("chat"), st.just(PLACE), messages(), st.none() | st.just([TOOL]))


@settings(max_examples=400, deadline=None)
@given(chats, st.sampled_from([name for name, module in formats.FORMATS.items() if "chat" in module.KINDS]))
def test_a_round_trip_gives_the_same_sample_or_is_refused(sample, name):
    before = json.dumps(sample.messages)
    try:
        record = formats.write(sample, name)
    except Misfit as refusal:
        assert name not in ("messages", "conversations")
        assert refusal.field.startswith(("messages", "tools")) and refusal.message
        return
    assert json.dumps(sample.messages) == before
    assert sample_of(json.loads(json.dumps(record))) == (name, sample)


@settings(max_examples=100, deadline=None)
@given(messages(), messages(), messages())
def test_pairs_go_round_too(prompt, chosen, rejected):
    chosen, rejected = ([assistant("x"), user("y"), *rest] for rest in (chosen, rejected))
    sample = Sample("preference", PLACE, prompt, None, chosen, rejected)
    assert sample_of(formats.write(sample, "preference")) == ("preference", sample)


PLAIN = [SYSTEM, user("a"), assistant("b"), user("c"), assistant("d")]


@pytest.mark.parametrize("name", ["messages", "conversations", "sharegpt", "alpaca", "qa"])
def test_a_plain_conversation_fits_every_format_for_conversations(name):
    sample = Sample("chat", PLACE, PLAIN)
    assert sample_of(formats.write(sample, name)) == (name, sample)
    belle = Sample("chat", PLACE, PLAIN[1:])
    assert sample_of(formats.write(belle, "belle")) == ("belle", belle)


# the messages, the format, what is said
REFUSED = {
    "weights in sharegpt": ([user("a"), assistant("b", weight=0.0)], "sharegpt", "messages[1].weight", "has no place for weight"),
    "thoughts in alpaca": ([user("a"), assistant("b", reasoning_content="r")], "alpaca", "messages[1].reasoning_content", "has no place"),
    "ids in sharegpt": ([user("a"), assistant("", tool_calls=[call(id="1")])], "sharegpt", "messages[1].tool_calls[0]", "no id"),
    "two questions": ([user("a"), user("b")], "alpaca", "messages[1].role", "holds user and assistant in turn; this is user"),
    "no answer": ([user("a")], "alpaca", "messages", "needs an answer at the end"),
    "system in belle": (PLAIN, "belle", "messages[0]", "no place for a system prompt"),
    "marks in belle": ([user("a\nHuman: b"), assistant("c")], "belle", "messages[0].content", "lines that begin with Human:"),
    "belle in alpaca": ([user("Human: b"), assistant("c")], "alpaca", "messages[0].content", "would be read as belle"),
    "nothing trained": ([user("a"), assistant("b", weight=0.0)], "completion", "messages", "needs a prompt and a trained answer"),
    "as text": (PLAIN, "text", "", "text holds no chat samples"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_format_cannot_hold_is_refused(name):
    said, format, field, expected = REFUSED[name]
    with pytest.raises(Misfit) as misfit:
        formats.write(Sample("chat", PLACE, said), format)
    assert misfit.value.field == field
    assert expected in misfit.value.message
