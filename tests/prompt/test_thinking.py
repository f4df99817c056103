import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhinao.prompt.thinking import ANSWER, RECLASSIFY, THOUGHT, FrameTrimmer, Piece, ThoughtSplitter

texts = st.lists(
    st.sampled_from(["<think>", "</think>", "<thi", "nk>", "</", "<", ">", "\n", " ", "a", "好", "/think>"]),
    max_size=12,
).map("".join)


def split(fragments, **settings):
    splitter = ThoughtSplitter(**settings)
    pieces = [piece for fragment in fragments for piece in splitter.feed(fragment)]
    return splitter, pieces + splitter.finish()


def merged(pieces):
    """(thought, answer) as a reader ends up with them."""
    thought = answer = ""
    for piece in pieces:
        if piece.kind == RECLASSIFY:
            thought, answer = thought + answer, ""
        elif piece.kind == THOUGHT:
            thought += piece.text
        else:
            answer += piece.text
    return thought, answer


def expected(text, is_open, thinks):
    """The same by regular expressions on the whole text."""
    opening = re.match(r"(\s*)<think>", text)
    space = ""
    if opening:
        space, text = opening[1], text[opening.end() :]
    if opening or is_open:
        thought, _, answer = text.partition("</think>")
        return space + thought, answer
    if thinks and "</think>" in text:
        thought, _, answer = text.partition("</think>")
        return thought, answer
    return "", text


@given(texts, st.booleans(), st.booleans(), st.data())
def test_every_split_gives_the_same_and_loses_nothing(text, is_open, thinks, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    fragments = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    wanted = expected(text, is_open, thinks or is_open)
    for parts in (fragments, list(text), [text]):
        _, pieces = split(parts, is_open=is_open, thinks=thinks)
        assert merged(pieces) == wanted


def test_marker_cut_in_two_is_never_shown():
    splitter = ThoughtSplitter()
    assert splitter.feed("<th") == []
    assert splitter.feed("ink>ab</thi") == [Piece(THOUGHT, "ab")]
    assert splitter.is_thinking
    assert splitter.feed("nk>") == []
    assert not splitter.is_thinking
    assert splitter.feed("</think>c") == [Piece(ANSWER, "</think>c")]


def test_missing_end_stays_a_thought():
    splitter, pieces = split(["<think>still thi", "nking</thin"])
    assert merged(pieces) == ("still thinking</thin", "")
    assert splitter.is_thinking and not splitter.is_closed


def test_missing_opening_is_reclassified():
    splitter = ThoughtSplitter(thinks=True)
    assert splitter.feed("so it is 3") == [Piece(ANSWER, "so it is 3")]
    assert splitter.feed("</think>three") == [Piece(RECLASSIFY), Piece(ANSWER, "three")]


def test_prompt_that_opened_the_thought():
    for text in ("abc</think>d", "<think>abc</think>d"):  # some models say it once more
        splitter, pieces = split([text], is_open=True)
        assert merged(pieces) == ("abc", "d")
        assert splitter.is_closed
    assert ThoughtSplitter(is_open=True).is_thinking


def test_a_model_that_does_not_think_may_write_about_markers():
    text = "The tag </think> ends and <think> begins."
    assert merged(split([text], thinks=False)[1]) == ("", text)
    assert merged(split(["  <think>x</think>y"], thinks=False)[1]) == ("  x", "y")


@pytest.mark.parametrize("cut", range(1, 30))
def test_line_breaks_of_the_frame_are_taken_away(cut):
    text = "<think>\n\na\n\nb\n</think>\n\nc\n\nd\n"
    splitter, trimmer, pieces = ThoughtSplitter(), FrameTrimmer(), []
    for fragment in (text[:cut], text[cut:]):
        pieces += trimmer.feed(splitter.feed(fragment), splitter.is_closed)
    assert merged(pieces) == ("a\n\nb", "c\n\nd\n")


def test_trimming_leaves_other_texts_alone():
    for text, wanted in (
        ("\n\na\n", ("", "\n\na\n")),
        ("<think>\n</think>\n\na", ("", "a")),
        ("x</think>\ny", ("x", "y")),
    ):
        splitter, trimmer = ThoughtSplitter(), FrameTrimmer()
        pieces = trimmer.feed(splitter.feed(text), splitter.is_closed)
        assert merged(pieces + trimmer.feed(splitter.finish(), splitter.is_closed)) == wanted
