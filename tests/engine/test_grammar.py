"""What the grammar library is given allows exactly what was asked for: literals, sets, alternatives, expressions, grammars.

The library itself draws answers at random (`grammar_sampler.py`), so each of these saw a fault of the library.
"""

import json
import random
import re

import pytest

from tests.engine.grammar_sampler import Sampler
from zhinao.engine.base import Grammar
from zhinao.engine.grammar import rules, tree, written
from zhinao.engine.grammar.tree import chars, without
from zhinao.engine.grammar.write import write_chars, write_text
from zhinao.errors import UsageError

pytest.importorskip("openvino_genai")
HEX = "0aF-"
LATIN = [*range(0x01, 0x20), *range(0x7F, 0x100)]
OTHERS = [*range(0x100, 0x120), *range(0x370, 0x3A0), *range(0x4E00, 0x4E10), *range(0x1F600, 0x1F604)]
EDGES = [0x2028, 0xFEFF, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF]


@pytest.fixture(scope="module")
def sampler(home, tmp_path_factory):
    return Sampler(tmp_path_factory.mktemp("sampler") / "tiny")


@pytest.mark.parametrize("codes", [LATIN, OTHERS + EDGES], ids=["latin", "others"])
def test_literals_beside_hex_digits(sampler, codes):
    text = "".join(chr(code) + digit for code in codes for digit in HEX)
    assert sampler.texts("ebnf", f"root ::= {write_text(text)}", num=1, num_tokens=20_000) == [text]


def test_every_character_as_a_value_of_a_schema(sampler):
    for first in range(0, 0x100, 64):
        values = {"".join(f"{chr(code)}{digit}" for digit in "0aF" for code in range(first, first + 64))}
        schema = {"type": "object", "properties": {text: {"const": text} for text in values}, "required": [*values]}
        (answer,) = sampler.texts("json_schema", json.dumps(schema), num=1, num_tokens=20_000)
        assert json.loads(answer) == {text: text for text in values}


def test_half_a_surrogate_pair_is_written_as_an_escape(sampler):
    assert sampler.texts("json_schema", '{"const": "a\\ud800c"}', num=1) == ['"a\\ud800c"']
    with pytest.raises(UsageError, match="D800"):
        written(Grammar("regex", "a\\ud800c"))


def test_sets_hold_their_characters_and_no_others(sampler):
    draw = random.Random(5)
    edges = [*b"\t -/09AF[\\]^_`afz~", 0x7F, 0x80, 0xA0, 0xE9, 0xFF, 0x100, *EDGES, 0x3400, 0x4DBF]
    for seed in range(60):
        lows = [draw.choice(edges) for _ in range(draw.randint(1, 4))]
        ranges = [(low, min(low + draw.choice([0, 0, 1, 5, 40, 9000]), 0x10FFFF)) for low in lows]
        wanted = without(chars(*ranges), chars((0xD800, 0xDFFF)))
        for text in sampler.texts("ebnf", f"root ::= {write_chars(wanted.ranges)}{{3}}", num=4, seed=seed):
            assert len(text) == 3
            assert all(any(low <= ord(char) <= high for low, high in wanted.ranges) for char in text), (ranges, text)


def test_sets_whose_bytes_the_library_would_mix_up(sampler):
    draw = random.Random(3)
    sets = ["[\u0351\u0352\u05d1\u05d2\u05db-\u05e0]", r"\W"]
    for _ in range(20):
        lows = [draw.randrange(*draw.choice([(0xA0, 0x7F0), (0x300, 0x3F0), (0x800, 0x2000)])) for _ in range(40)]
        sets.append("[" + "".join(f"\\u{low:04x}-\\u{low + draw.choice([0, 1, 5, 20]):04x}" for low in lows) + "]")
    for seed, text in enumerate(sets):
        for answer in sampler.texts("regex", f"{text}{{12}}", num=6, seed=seed, num_tokens=90):
            assert re.fullmatch(f"{text}{{12}}", answer), (text, answer)


def fits_all(sampler, kind, text, pattern, num=24):
    found = sampler.texts(kind, text, num=num, num_tokens=60)
    assert found and all(re.fullmatch(pattern, one) for one in found), found
    return set(found)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ('root ::= "x1111" | "x11"', "x1111|x11"),
        ('root ::= "aaaaa" | "aaa" | "a"', "aaaaa|aaa|a"),
        ("root ::= [1-9] [0-9]{4} | [1-9] [0-9]{2}", r"[1-9]\d{4}|[1-9]\d{2}"),
        ("root ::= a | b\na ::= [1-9] [0-9]{4}\nb ::= [1-9] [0-9]{2}", r"[1-9]\d{4}|[1-9]\d{2}"),
        ('root ::= x x x x y | x x y\nx ::= [a-c] z?\nz ::= "-"\ny ::= "!"', r"([a-c]-?){4}!|([a-c]-?){2}!"),
        ('root ::= (x x)? x "."\nx ::= "(" x ")" | "o"', r"([(]*o[)]*){1,3}\."),
        ("root ::= [éa] [^é]", "[éa][^é]"),
        (r'root ::= "\xe9cole" | "\u00e9tat" # comment' + "\n", "école|état"),
        (r"root ::= [\x00-\x05a] [^^] [\^]", r"[\x01-\x05a][^\^]\^"),
        ('root ::= "é"* "c"', "é*c"),
    ],
)
def test_grammars_allow_what_they_say(sampler, text, pattern):
    fits_all(sampler, "ebnf", text, pattern)


def test_random_expressions(sampler):
    draw = random.Random(11)

    def expression(depth):
        kind = draw.randrange(10 if depth else 4)
        if kind < 2:
            return draw.choice(["a", "b", "aa", "é", "éa", "1", "11", "日", "x"])
        if kind < 4:
            return draw.choice(["[ab]", "[éb]", "[0-9]", "[^a]", "[à-ÿa-c]", "."])
        if kind < 6:
            return expression(depth - 1) + expression(depth - 1)
        if kind < 8:
            return "(" + "|".join(expression(depth - 1) for _ in range(draw.randint(2, 3))) + ")"
        return f"({expression(depth - 1)})" + draw.choice(["*", "?", "+", "{2}", "{1,3}", "{0,2}", "{2,}"])

    for seed in range(120):
        text = expression(4)
        for answer in sampler.texts("regex", text, num=3, seed=seed, num_tokens=60):
            assert re.fullmatch(text, answer), (text, answer)


def test_all_of_a_few_texts_can_come(sampler):
    for kind, text, wanted in (
        ("regex", "(école|Straße|20°C)", {"école", "Straße", "20°C"}),
        ("json_schema", '{"enum": ["é1", "é", 12, 1, 123, null]}', {'"é1"', '"é"', "12", "1", "123", "null"}),
        ("json_schema", '{"type": "integer", "minimum": -2, "maximum": 2}', {"-2", "-1", "0", "1", "2"}),
    ):
        assert set(sampler.texts(kind, text, num=80)) == wanted


def test_repetitions_are_counted(sampler):
    for least, most in ((0, 49), (3, 150), (60, 60), (100, 4000)):
        text = rules.Rules()
        node = text.repeat(tree.of("a"), least, most)
        lengths = {len(answer) for answer in sampler.texts("ebnf", text.written(node), num=30, num_tokens=most + 9)}
        assert lengths and all(least <= length <= most for length in lengths)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a(?<=b)", "not supported"),
        (r"a\b", "word boundaries"),
        ("a$b", "in the middle"),
        ("[a", "bracket is not closed"),
        ("a**", "nothing to repeat"),
        (r"\p{L}", "not known"),
        ("a{200000}", "beyond"),
    ],
)
def test_expressions_that_cannot_be_followed(text, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        written(Grammar("regex", text))


@pytest.mark.parametrize(
    "text", ["root ::= )", "root ::= (", 'root ::= "a', "root = a", "a b", 'root ::= "\\q"', "root ::= [b-a]"]
)
def test_grammars_that_are_none(text):
    with pytest.raises(UsageError):
        written(Grammar("ebnf", text))
