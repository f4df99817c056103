"""Texts that tokenizers get wrong: a hypothesis strategy, shared by the tokenizer's tests and benchmark."""

from hypothesis import strategies as st

FRAGMENTS = [
    "<|im_start|>", "<|im_end|>", "<pad>", "<unk>", "<mask>", "<eod>", "<eop>", "<think>", "</think>",
    "[space2]", "[space3]", "[space4]", "[space8]", "<br>", "[br]", "<b", "r>", "[space", "8]", "<|im_", "|>",
    "\n", "\r\n", "\r", "\t", "\v", "\x1c", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u200b", "\u202f", "\u3000", "\ufeff",
    "'s", "'S", "'ſ", "'ll", "'LL", "'Re", "'t", "ſ", "K", "İ", "ß", "ﬅ", "é", "e\u0301", "½", "²", "٣", "Ⅷ",
    "\ud83d\ude00", "\ud800", "\udc00", "\ufffd", "\x00", "😀", "👩‍👩‍👧", "🇨🇳", "中", "文字", "的", "\U0001e4d0", "\U000323b0",
    " ", "  ", "a", "the", "A1", "=", "//", "-", ".", "0", "1234",
]  # fmt: skip

_repeated = st.builds(
    lambda text, count: text * count, st.sampled_from([*FRAGMENTS, "ab", "aab", "一二"]), st.integers(1, 40)
)
_letters = st.text(alphabet="abt '=\n", max_size=30)
# surrogates included: a Python string may hold them
_any = st.text(alphabet=st.characters(exclude_categories=()), max_size=12)
texts = st.lists(st.sampled_from(FRAGMENTS) | _repeated | _letters | _any, max_size=8).map("".join)
