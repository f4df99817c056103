"""Streaming decode: never half a character, and joined exactly what decoding everything gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.texts import texts
from tests.tiny_tokenizer import make_tokenizer
from zhinao.model.stream_decoder import PieceStreamDecoder
from zhinao.model.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return Tokenizer.load(make_tokenizer(tmp_path_factory.mktemp("tokenizer")))


def cut(ids, sizes):
    """`ids` in chunks of the given sizes, the rest one by one."""
    chunks = []
    for size in sizes:
        chunks.append(ids[:size])
        ids = ids[size:]
    return [*chunks, *([id] for id in ids)]


@given(text=texts, sizes=st.lists(st.integers(0, 4)), control=st.booleans(), skip=st.booleans())
def test_joined_it_is_the_whole(tokenizer, text, sizes, control, skip):
    ids = tokenizer.encode(text, control)
    stream = tokenizer.stream(skip)
    parts = [stream.feed(chunk) for chunk in cut(ids, sizes)]
    assert "".join(parts) + stream.flush() == tokenizer.decode(ids, skip)


@given(ids=st.lists(st.integers(0, 330), max_size=40), sizes=st.lists(st.integers(0, 4)), skip=st.booleans())
def test_also_for_ids_that_are_no_text(tokenizer, ids, sizes, skip):
    stream = tokenizer.stream(skip)
    parts = [stream.feed(chunk) for chunk in cut(ids, sizes)]
    assert "".join(parts) + stream.flush() == tokenizer.decode(ids, skip)


@given(text=st.text(alphabet="😀中文é𠮷a \n", max_size=30))
def test_valid_text_never_shows_a_replacement_character(tokenizer, text):
    stream = tokenizer.stream()
    shown = ""
    for byte in text.encode():  # ids below 256 are single bytes in this vocabulary
        shown += stream.feed([byte])
        assert text.startswith(shown)
    assert shown == text and stream.flush() == ""


def test_a_character_comes_with_its_last_byte(tokenizer):
    stream = tokenizer.stream()
    assert [stream.feed([byte]) for byte in "😀".encode()] == ["", "", "", "😀"]


def test_broken_bytes_come_out_at_the_end_and_the_decoder_is_fresh_again(tokenizer):
    stream = tokenizer.stream()
    assert stream.feed([*"中".encode()[:2]]) == ""
    assert stream.flush() == "\ufffd"
    assert stream.feed([*"文".encode()]) == "文" and stream.flush() == ""


def test_the_cost_of_a_token_does_not_grow():
    """Counted, not timed: the decoder for pieces looks back at one token, however long the answer is."""
    sizes = []

    def decode(ids):
        sizes.append(len(ids))
        return "x" * len(ids)

    stream = PieceStreamDecoder(lambda id: "x", decode)
    assert "".join(stream.feed([1]) for _ in range(1000)) == "x" * 1000
    assert max(sizes) == 2
