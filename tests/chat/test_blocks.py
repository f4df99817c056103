from hypothesis import given
from hypothesis import strategies as st

from zhinao.chat.blocks import BlockSplitter, harmless, with_line_breaks

lines = st.lists(
    st.sampled_from(
        ["# h", "text", "", "", "- a", "  in", "```", "```py", "~~~", "| a |", "> q", "1. x", "    code", "好"]
    ),
    max_size=14,
).map("\n".join)


def blocks_of(fragments):
    splitter, found = BlockSplitter(), []
    for fragment in fragments:
        splitter.feed(fragment)
        found += splitter.take()
    return found, splitter.tail


@given(lines, st.data())
def test_blocks_do_not_depend_on_the_split_and_lose_nothing(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole, tail = blocks_of([text])
    assert blocks_of(parts) == blocks_of(list(text)) == (whole, tail)
    assert ("".join(whole) + tail).split() == text.split()


def test_where_blocks_end():
    text = "# h\n\none\ntwo\n\n- a\n\n  inside\n- b\n```py\nx\n\ny\n```\nafter\n\n\nlast"
    found, tail = blocks_of([text])
    assert found == ["# h\n\n", "one\ntwo\n\n", "- a\n\n  inside\n- b\n", "```py\nx\n\ny\n```\n", "after\n\n\n"]
    assert tail == "last"


def test_an_open_fence_keeps_growing():
    assert blocks_of(["````\n```\n\nx\n\n"]) == ([], "````\n```\n\nx\n\n")


def test_lines_stay_lines_outside_code():
    assert with_line_breaks("a\nb\n\n```\nc\n```") == "a  \nb  \n\n```\nc\n```"


def test_control_characters_are_taken_out():
    assert harmless("a\x1b[31mb\x07\x9b\rc\n\t好") == "a[31mbc\n\t好"
