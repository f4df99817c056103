"""Each finding: an item that has it, and one like it that has not."""

import pytest

from zhinao.data.check import rules
from zhinao.data.check.finding import KINDS
from zhinao.data.sample import Place, Sample

PLACE = Place("a.jsonl", 3, 3)
CALL = {"type": "function", "function": {"name": "f", "arguments": "{}"}}


def chat(*turns: str | tuple | dict) -> Sample:
    """`u:words` is a user's message, `a:` the assistant's, `s:` the system's, `t:` a tool's."""
    roles = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}
    messages = [turn if isinstance(turn, dict) else {"role": roles[turn[0]], "content": turn[2:]} for turn in turns]
    return Sample("chat", PLACE, messages)


def codes(sample: Sample, **more) -> set[str]:
    return {finding.code for finding in rules.inspect(sample, **more)}


CASES = [
    ("system-not-first", chat("u:one", "s:two", "a:three"), chat("s:two", "u:one", "a:three")),
    ("same-role", chat("u:one", "u:two", "a:three"), chat("u:one", "a:two", "u:three", "a:four")),
    ("same-role", chat("u:one", "a:two", "a:three"), chat("u:one", "a:two")),
    ("starts-with-assistant", chat("s:x", "a:one", "u:two", "a:three"), chat("s:x", "u:one", "a:two")),
    ("ends-without-assistant", chat("u:one", "a:two", "u:three"), chat("u:one", "a:two")),
    ("tool-without-call", chat("u:one", "t:two", "a:three"), chat("u:one", {"role": "assistant", "content": "", "tool_calls": [CALL]}, "t:2", "t:3", "a:4")),
    ("tool-without-call", chat("u:one", "a:two", "t:three", "a:four"), chat("u:one", "a:<tool_call>\n{}\n</tool_call>", "t:3", "a:4")),
    ("call-without-response", chat("u:one", {"role": "assistant", "content": "", "tool_calls": [CALL]}, "u:two", "a:three"), chat("u:one", {"role": "assistant", "content": "", "tool_calls": [CALL]})),
    ("empty-turn", chat("u:  ", "a:two"), chat("u:one", "a:two")),
    ("empty-answer", chat("u:one", "a:\n"), chat("u:one", {"role": "assistant", "content": "", "tool_calls": [CALL]})),
    ("empty-answer", chat("u:one", "a:<think>hm</think>\n"), chat("u:one", "a:<think>hm</think>\nyes")),
    ("empty-answer", chat("u:one", {"role": "assistant", "content": "", "reasoning_content": "hm"}), chat("u:one", {"role": "assistant", "content": "", "weight": 0}, "u:2", "a:3")),
    ("think-unbalanced", chat("u:one", "a:<think>hm"), chat("u:<think>", "a:two")),
    ("think-unopened", chat("u:one", "a:hm</think>two"), chat("u:one", "a:<think>hm</think>two")),
    ("marker-learned", chat("u:one", "a:two<|im_end|>"), chat("u:one<|im_end|>", "a:two")),
    ("marker", chat("u:<|im_start|>user", "a:two"), chat("u:<im_start>", "a:two")),
    ("placeholder-learned", chat("u:one", "a:I am {{name}}"), chat("u:I am {{name}}", "a:two")),
    ("placeholder", chat("u:I am {{name}}", "a:two"), chat("u:one", "a:{{name}}")),
    ("broken-characters", chat("u:one", "a:caf\ufffd"), chat("u:one", "a:café")),
    ("other-language", chat("u:请介绍一下春天", "a:Spring comes after the winter."), chat("u:请介绍一下春天", "a:春天在冬天之后。")),
    ("other-language", chat("u:What comes after the winter?", "a:春天在冬天之后。"), chat("u:Translate to Chinese: spring comes after winter", "a:春天在冬天之后。")),
    ("empty-answer", Sample("completion", PLACE, prompt="one", completion=" "), Sample("completion", PLACE, prompt="one", completion="two")),
    ("marker-learned", Sample("text", PLACE, text="one<eod>"), Sample("text", PLACE, text="one <eod")),
    ("same-pair", Sample("preference", PLACE, chat("u:1").messages, None, chat("a:2").messages, chat("a:2").messages), Sample("preference", PLACE, chat("u:1").messages, None, chat("a:2").messages, chat("a:3").messages)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "bad", "good"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_finding(code, bad, good):
    assert code in codes(bad)
    assert code not in codes(good)


def test_good_samples_have_no_findings():
    tools = chat(
        "s:be kind", "u:one", {"role": "assistant", "content": "", "tool_calls": [CALL]}, "t:2", "a:3", "u:4", "a:5"
    )
    assert codes(tools) == set()
    assert codes(Sample("text", PLACE, text="A text.")) == set()


def test_place_and_detail_are_told():
    finding = next(f for f in rules.inspect(chat("u:one", "a:x<|im_end|>")) if f.code == "marker-learned")
    assert (finding.field, finding.detail) == ("messages[1].content", "<|im_end|>")
    assert str(finding) == "messages[1].content: control marker in an answer (<|im_end|>)"


def test_control_tokens_of_the_model_count():
    assert "marker-learned" in codes(chat("u:one", "a:<own>"), control=("<own>",))
    assert "marker-learned" not in codes(chat("u:one", "a:<own>"))


def test_thoughts_in_their_own_field_are_looked_at():
    sample = chat("u:one", {"role": "assistant", "content": "two", "reasoning_content": "I am {{name}}"})
    assert [f.field for f in rules.inspect(sample)] == ["messages[1].reasoning_content"]


def test_a_message_that_is_not_trained_is_only_read():
    sample = chat("u:one", {"role": "assistant", "content": "{{name}}", "weight": 0}, "u:two", "a:three")
    assert codes(sample) == {"placeholder"}


def test_every_kind_has_a_level():
    assert {level for level, _, _ in KINDS.values()} == {"error", "warning", "note"}
