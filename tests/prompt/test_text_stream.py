import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.byte_tokenizer import ByteTokenizer

from zhinao.errors import UsageError
from zhinao.prompt.text_stream import StopStrings, TextStream
from zhinao.prompt.thinking import ANSWER, THOUGHT

tokenizer = ByteTokenizer()


def shown(stream, id_lists):
    pieces = [piece for ids in id_lists for piece in stream.feed(ids)] + stream.finish()
    return {kind: "".join(p.text for p in pieces if p.kind == kind) for kind in (THOUGHT, ANSWER)}


@given(st.text("abc", max_size=12), st.lists(st.text("abc", min_size=1, max_size=3), max_size=3), st.data())
def test_stop_strings_do_not_depend_on_the_split(text, stops, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    ends = [(text.find(stop) + len(stop), text.find(stop), stop) for stop in stops if stop in text]
    for bounds in (cuts, range(len(text))):
        matcher, result = StopStrings(tuple(stops)), ""
        for a, b in zip([0, *bounds], [*bounds, len(text)], strict=True):
            result += matcher.feed(text[a:b])
        result += "" if matcher.matched else matcher.finish()
        assert result == (text[: min(ends)[1]] if ends else text)
        assert matcher.matched == (min(ends)[2] if ends else None)


def test_held_back_only_while_it_may_become_a_stop():
    matcher = StopStrings(("\n\nQ:",))
    assert matcher.feed("a\n") == "a"
    assert matcher.feed("b\n\n") == "\nb"
    assert matcher.feed("Q") == ""
    assert matcher.feed(".c") == "\n\nQ.c"


@pytest.mark.parametrize("stop", [("",), ("a", ""), (3,)])
def test_bad_stop_strings(stop):
    with pytest.raises(UsageError, match="stop is"):
        StopStrings(stop)


def test_characters_come_whole_and_stops_cross_tokens():
    stream = TextStream(tokenizer, stops=("止",))
    ids = tokenizer.encode("😀好止后")
    assert [p.text for i in ids for p in stream.feed([i])] == ["😀", "好"]
    assert stream.matched == "止"
    assert stream.finish() == []


def test_control_tokens_are_never_shown():
    ids = tokenizer.encode("a<pad>b<|im_end|>", control=True)
    stream = TextStream(tokenizer, stop_ids=(*tokenizer.encode("z"), tokenizer.control_tokens["<|im_end|>"]))
    assert shown(stream, [ids]) == {THOUGHT: "", ANSWER: "ab"}


def test_markers_as_tokens_or_as_text():
    for control in (True, False):
        ids = tokenizer.encode("<think>\n想\n</think>\n\n答", control=control)
        assert shown(TextStream(tokenizer, thinks=True), [[i] for i in ids]) == {THOUGHT: "想", ANSWER: "答"}


def test_half_a_character_at_the_end_is_replaced_not_lost():
    ids = tokenizer.encode("a好")[:-1]
    assert shown(TextStream(tokenizer), [ids]) == {THOUGHT: "", ANSWER: "a�"}


def test_what_was_held_back_comes_at_the_end():
    assert shown(TextStream(tokenizer, stops=("###",)), [tokenizer.encode("a##")])[ANSWER] == "a##"


def test_text_of_ours_goes_to_the_thought():
    stream = TextStream(tokenizer, stops=("X",), is_open=True)
    pieces = (
        stream.feed(tokenizer.encode("thinking"))
        + stream.add(" X enough.\n</think>\n\n")
        + stream.feed(tokenizer.encode("A"))
    )
    assert [(p.kind, p.text) for p in pieces] == [(THOUGHT, "thinking"), (THOUGHT, " X enough."), (ANSWER, "A")]


def test_tags_of_tool_calls_pass_where_they_are_control_tokens():
    tokenizer = ByteTokenizer()
    tokenizer.control_tokens = {**tokenizer.control_tokens, "<tool_call>": 300, "</tool_call>": 301}
    ids = [300, *tokenizer.encode("{}"), 301, tokenizer.control_tokens["<pad>"]]
    assert shown(TextStream(tokenizer), [ids]) == {THOUGHT: "", ANSWER: "<tool_call>{}</tool_call>"}


@pytest.mark.parametrize("text", ["<think>\na\nb\n</think>\n\none\ntwo", "<think>one</think>one\ntwo"])
def test_stop_strings_are_looked_for_in_the_answer_only(text):
    for cut in (1, 3, len(text)):
        stream = TextStream(tokenizer, stops=("\n", "e\nt"), thinks=True)
        ids = tokenizer.encode(text)
        found = shown(stream, [ids[n : n + cut] for n in range(0, len(ids), cut)])
        assert (found[ANSWER], stream.matched) == ("one", "\n") and found[THOUGHT]


def test_what_a_stop_string_held_back_goes_to_the_thought_with_the_rest():
    stream = TextStream(tokenizer, stops=("##",), thinks=True)
    pieces = [p for i in tokenizer.encode("so #</think>3#") for p in stream.feed([i])] + stream.finish()
    kinds = [p.kind for p in pieces]
    before = "".join(p.text for p in pieces[: kinds.index("reclassify")])
    assert before == "so #" and "".join(p.text for p in pieces if p.kind == ANSWER) == "so #3#"
