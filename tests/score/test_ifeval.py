"""Instructions that a program can check: a followed and a broken answer for each kind."""

from types import SimpleNamespace

import pytest

from zhinao.score import ifeval

# kind, its arguments, answers that follow it, answers that do not
CASES = [
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "at least"}, ["SOME WORDS shout", "A-B IT"], ["only ONE", "none"]),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "less than"}, ["only ONE"], ["SOME WORDS"]),
    ("change_case:english_capital", {}, ["THIS IS AN ENGLISH TEXT IN CAPITALS."], ["This is English text.", "DAS IST EIN DEUTSCHER SATZ MIT VIELEN WORTEN."]),
    ("change_case:english_lowercase", {}, ["this is an english text in small letters."], ["This is English text.", "das ist ein deutscher satz mit vielen worten."]),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, ["say it. And so I do.", "  Say it."], ["I say it."]),
    ("combination:two_responses", {}, ["one******two", "******one******two******"], ["one", "one******one", "one******two******three", "one************two"]),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, ["[name] of [place]"], ["[name]", "(name) (place)"]),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, ["Bye\nP.S. more", "p. s. x"], ["Bye", "PS more"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, ["Bye\nP.P.S more"], ["P.S. more"]),
    ("detectable_format:constrained_response", {}, ["My answer is maybe.", "Well. My answer is no."], ["Yes.", "my answer is yes"]),
    ("detectable_format:json_format", {}, ['{"a": [1]}', '```json\n{"a": 1}\n```', "[1]"], ["a: 1", '{"a": 1} there', "[" * 100000]),
    ("detectable_format:multiple_sections", {"section_spliter": "Section", "num_sections": 2}, ["Section 1\na\nSection 2\nb"], ["Section 1\na", "section 1 section 2"]),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, ["* a\n* b", "- a\n* b", "text\n  * a\n  - b"], ["* a", "* a\n* b\n* c", "** a\n* b"]),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, ["*one* and *two*", "**one** *two*"], ["*one*", "* *", "*one\ntwo*"]),
    ("detectable_format:title", {}, ["<<A title>>\ntext"], ["<A title>", "<<>>", "<< >>"]),
    ("keywords:existence", {"keywords": ["rain", "c++"]}, ["Rain and C++"], ["rain", "snow"]),
    ("keywords:forbidden_words", {"forbidden_words": ["rain"]}, ["snow", "rainy days"], ["Rain falls"]),
    ("keywords:frequency", {"keyword": "no", "frequency": 2, "relation": "at least"}, ["No, no", "noon now"], ["no"]),
    ("keywords:letter_frequency", {"letter": "!", "let_frequency": 2, "let_relation": "at least"}, ["Oh! No!"], ["Oh!"]),
    ("keywords:letter_frequency", {"letter": "e", "let_frequency": 2, "let_relation": "less than"}, ["One"], ["Eleven"]),
    ("language:response_language", {"language": "de"}, ["Guten Tag, wie geht es Ihnen heute? Es regnet seit gestern."], ["Good day, how are you today? It has been raining since yesterday."]),
    ("language:response_language", {"language": "zh-cn"}, ["今天天气很好，我们一起去公园散步吧。"], ["The weather is fine today."]),
    ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "rain"}, ["a\n\nRain, falls", 'a\n\n"Rain" falls'], ["a\n\nsnow", "rain", "a\n\nrain\n\nc"]),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, ["a\n***\nb", "***a***b***"], ["a", "a***b***c", "a*** ***b"]),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "at least"}, ["One. Two!", "Really? Yes."], ["One.", "Mr. Smith paid 3.5 dollars"]),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "less than"}, ["Dr. No arrives at 3.5 p.m. today"], ["A cat. A dog."]),
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, ["one two three"], ["one two"]),
    ("punctuation:no_comma", {}, ["none here", "全角，可以"], ["one, two"]),
    ("startend:end_checker", {"end_phrase": "That is all."}, ["So. that is all.", '"That is all."'], ["That is all. Bye"]),
    ("startend:quotation", {}, ['"all of it"', ' "a" and "b" '], ['"half', '"', "none"]),
]  # fmt: skip
PAIRS = [(kind, given, answer, True) for kind, given, good, _ in CASES for answer in good]
PAIRS += [(kind, given, answer, False) for kind, given, _, bad in CASES for answer in bad]


def graded(kind: str, given: dict, answer: str):
    return ifeval.grade_ifeval(SimpleNamespace(facts={"instruction_id_list": [kind], "kwargs": [given]}), answer)


@pytest.mark.parametrize(("kind", "given", "answer", "is_followed"), PAIRS)
def test_followed_or_not(kind, given, answer, is_followed):
    pytest.importorskip("langdetect")
    assert graded(kind, given, answer).score == float(is_followed)


def test_all_25_kinds_are_there():
    assert len(ifeval.known()) == 25 and {kind for kind, *_ in CASES} == set(ifeval.known()) and len(PAIRS) >= 60


def test_a_prompt_counts_when_all_of_it_is_followed():
    item = SimpleNamespace(
        facts={"instruction_id_list": ["punctuation:no_comma", "startend:quotation"], "kwargs": [{}, None]}
    )
    grade = ifeval.grade_ifeval(item, "no comma")
    assert grade.score == 0 and grade.facts["strict"] == [True, False] and grade.extracted == "punctuation:no_comma"
    assert ifeval.grade_ifeval(item, '"no comma"').score == 1
    assert ifeval.grade_ifeval(item, "").score == 0, "nothing follows nothing"


def test_the_loose_reading_leaves_first_and_last_lines_out():
    grade = graded("startend:quotation", {}, 'Here it is:\n"a text"')
    assert grade.score == 0 and grade.facts["loose"] == [True] and grade.facts["loose_score"] == 1


@pytest.mark.parametrize(
    ("text", "num"),
    [("", 0), ("One", 1), ("One. Two.", 2), ("Mr. A. Smith came.", 1), ("He said: \"Go!\" Then he left.", 2), ("3.5 is a number.", 1),
     ("Wait... what?", 2), ("1. First\n2. Second", 1), ("Title\n\nText.", 2), ("今天下雨。明天晴！", 2), ("e.g. this", 1)],
)  # fmt: skip
def test_sentences(text, num):
    assert len(ifeval.sentences(text)) == num
