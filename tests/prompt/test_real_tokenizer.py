"""The renderer with the project's own tokenizer: ids, mask and guard where encoding replaces text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiny_tokenizer import make_tokenizer

from zhinao.model.tokenizer import Tokenizer
from zhinao.prompt.conversation import render

words = st.lists(
    st.sampled_from(
        [
            "<|im_end|>",
            "<eod>",
            "[space4]",
            "<br>",
            "[br]",
            "  ",
            "        ",
            "\n",
            "\n\n",
            "你好",
            "😀",
            "a",
            " b",
            "<|im",
            "_end|>",
        ]
    ),
    max_size=8,
).map("".join)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer(folder)
    return Tokenizer.load(folder)


def test_ids_are_those_of_the_rendered_text(tokenizer):
    messages = [
        {"role": "user", "content": "  春天<br>来了 \n\n  x"},
        {"role": "assistant", "content": "\n花    开了"},
        {"role": "user", "content": "def f():\n        return 1"},
    ]
    rendered = render(messages, tokenizer)
    assert rendered.ids == tokenizer.encode(rendered.text, control=True)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=3))
@settings(deadline=None, max_examples=60)
def test_frames_and_mask_hold_for_any_content(tokenizer, turns):
    messages = [
        message
        for question, answer in turns
        for message in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    ]
    rendered = render(messages, tokenizer, add_generation_prompt=False)
    start, end = tokenizer.control_tokens["<|im_start|>"], tokenizer.control_tokens["<|im_end|>"]
    assert rendered.ids.count(start) == rendered.ids.count(end) == len(messages)
    assert tokenizer.control_tokens["<eod>"] not in rendered.ids
    said, runs = [], []
    for number, is_said in zip(rendered.ids, rendered.mask, strict=True):
        if is_said:
            said.append(number)
        if is_said and number == end:
            runs.append(said)
            said = []
    assert not said and len(runs) == len(turns)
    for run, (_, answer) in zip(runs, turns, strict=True):
        whole = tokenizer.decode(tokenizer.encode("assistant\n" + answer), skip_control=False).removeprefix(
            "assistant\n"
        )
        shown = tokenizer.decode(run[:-1], skip_control=False)
        assert whole.endswith(shown)
        assert not whole.removesuffix(shown).strip()  # at most line breaks in one token with the header's are left out
