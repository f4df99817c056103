"""Constrained answers of the embedded engine: they conform, alone and beside others, and bad grammars harm nobody."""

import json
import os
import re
import threading
import time
from types import SimpleNamespace

import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao import engine as engines
from zhinao.engine.base import Grammar, Sampling
from zhinao.engine.openvino import grammar as openvino_grammar
from zhinao.engine.openvino import kept_grammars, vocabulary
from zhinao.engine.openvino.process import WorkerProcess
from zhinao.errors import EngineError, UsageError
from zhinao.model.checkpoint import Checkpoint
from zhinao.model.tokenizer import Tokenizer

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["red", "绿"]}, "minItems": 1, "maxItems": 2},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
MAIL = r"[a-z]{3,9}@(foo|bar)\.com"
SUM = 'root ::= number ("+" number){1,3} " = ?"\nnumber ::= [1-9] [0-9]{0,2}'
PLAIN = {"temperature": 0.0, "max_tokens": 12}


class Setup:
    """An engine with its tokenizer."""

    def __init__(self, folder, quant):
        self.folder, self.tokenizer = folder, Tokenizer.load(folder)
        self.engine = engines.open(folder, engine="openvino", quant=quant)
        self.control = set(self.tokenizer.control_tokens.values())
        self.prompt = self.tokenizer.encode("Describe a person as JSON, please.\n")

    def start(self, kind=None, text=None, **sampling):
        grammar = Grammar(kind, text) if kind else None
        sampling = {"temperature": 0.0, "max_tokens": 120, "stop_ids": (max(self.control),), **sampling}
        return self.engine.generate(self.prompt, Sampling(**sampling, grammar=grammar))

    def collect(self, generation):
        """Ids, text with control tokens, and how it ended."""
        chunks = list(generation)
        ids = [id for chunk in chunks for id in chunk.ids]
        return ids, self.tokenizer.decode(ids, skip_control=False), chunks[-1].finish

    def answer(self, kind, text, **sampling):
        """The text before the stop id; it must have ended by itself."""
        ids, _, finish = self.collect(self.start(kind, text, **sampling))
        assert finish == "stop" and ids[-1] in self.control and not self.control & set(ids[:-1])
        return self.tokenizer.decode(ids[:-1], skip_control=False)

    def is_serving(self):
        return self.collect(self.start(**PLAIN))[2] in ("length", "stop")


@pytest.fixture(scope="module")
def real(home, demo):
    setup = Setup(demo, "int8")
    with setup.engine:
        yield setup


@pytest.fixture(scope="module")
def family(home, tmp_path_factory):
    """Random weights with the family's kind of tokenizer, and more rows than it has tokens."""
    folder = make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", head_dim=16, vocab_size=400)
    make_tokenizer(folder)
    setup = Setup(folder, "f32")
    with setup.engine:
        yield setup


SAMPLED = {"temperature": 0.9, "top_p": 0.95, "seed": 3}


def check_person(text):
    person = json.loads(text)
    assert list(person) == ["name", "age", "tags"] and len(person["name"]) <= 12
    assert isinstance(person["age"], int) and 0 <= person["age"] <= 150
    assert 1 <= len(person["tags"]) <= 2 and set(person["tags"]) <= {"red", "绿"}


@pytest.mark.parametrize(
    "sampling", [{}, SAMPLED, {**SAMPLED, "top_k": 20, "logprobs": True, "repetition_penalty": 1.2}]
)
def test_answers_conform(real, sampling):
    check_person(real.answer("json_schema", json.dumps(SCHEMA), **sampling))
    assert re.fullmatch(MAIL, real.answer("regex", MAIL, **sampling))
    assert re.fullmatch(r"[1-9]\d{0,2}(\+[1-9]\d{0,2}){1,3} = \?", real.answer("ebnf", SUM, **sampling))
    assert isinstance(json.loads(real.answer("json_schema", '{"type": "object"}', max_tokens=400)), dict)


def test_seeds_draw_different_answers_from_one_grammar(real):
    answers = {real.answer("regex", "[a-z]{6}", temperature=2.0, seed=seed) for seed in range(6)}
    assert len(answers) > 3 and all(re.fullmatch("[a-z]{6}", answer) for answer in answers)


def test_each_of_many_at_once_follows_its_own(real):
    wanted = {n: ("regex", f"mark {n:03}[a-c]{{{n % 5 + 1}}}") for n in range(12)}
    running = []
    for n, grammar in wanted.items():
        running.append((n, real.start(*grammar, **(SAMPLED if n % 2 else {}))))
        running.append((None, real.start(**PLAIN)))
    running.append(("person", real.start("json_schema", json.dumps(SCHEMA), **SAMPLED)))
    for n, generation in running:
        ids, text, finish = real.collect(generation)
        if n is None:
            assert (len(ids), finish) == (12, "length") or finish == "stop"
        elif n == "person":
            check_person(real.tokenizer.decode(ids[:-1]))
        else:
            assert re.fullmatch(wanted[n][1], real.tokenizer.decode(ids[:-1])), text
    assert real.engine.num_restarts == 0


BAD = {
    "parenthesis is not closed": ("regex", "(a"),
    "lower bound is larger": ("regex", "[z-a]"),
    "Lookahead is not supported": ("regex", "(?=a)b"),
    "Backreference is not supported": ("regex", r"(a)\1"),
    "allows no text": ("ebnf", "root ::= root"),
    "or none that ends": ("ebnf", 'root ::= "a" dead\ndead ::= dead'),
    'root rule with name "root" is not found': ("ebnf", 'start ::= "a"'),
    'Rule "b" is not defined': ("ebnf", "root ::= b"),
    "is no JSON": ("json_schema", "{"),
    'Unsupported type "strin"': ("json_schema", '{"type": "strin"}'),
    "Cannot find field": ("json_schema", '{"$ref": "#/$defs/b"}'),
    "URI should": ("json_schema", '{"$ref": "http://127.0.0.1/a"}'),
    "uses not at #": ("json_schema", '{"not": {}}'),
    "allows no text at all": ("json_schema", "false"),
    "which no answer can hold": ("ebnf", r'root ::= "a\x00"'),
}


@pytest.mark.parametrize("sentence", BAD)
def test_bad_ones_are_refused_in_a_sentence_and_harm_nobody(real, sentence):
    running = real.start(temperature=0.0, max_tokens=30, ignore_eos=True)
    pid = real.engine.pid
    for _ in range(2):  # the second time from memory
        with pytest.raises(UsageError, match=re.escape(sentence)) as caught:
            real.start(*BAD[sentence])
    assert "xgrammar" not in str(caught.value) and ".cc:" not in str(caught.value)
    assert len(real.collect(running)[0]) == 30 and real.engine.pid == pid


def test_kinds_and_lengths_are_checked_without_an_engine():
    for kind, text in (("xml", "a"), ("regex", ""), ("regex", " "), ("regex", "a" * 2**16 + "b")):
        with pytest.raises(UsageError):
            Grammar(kind, text)


def test_what_takes_too_long_to_compile_is_refused(real, monkeypatch):
    monkeypatch.setattr(openvino_grammar, "CPU_SECONDS", 1)
    checker = openvino_grammar.GrammarChecker(vocabulary.kept(Checkpoint(real.folder)))
    checker.check(Grammar("regex", "yes|no"))
    start = time.process_time()
    ways = (f'"{n:x}" ([^{n:x}é] [^a-{chr(98 + n)}]){{0,48}}' for n in range(10))
    many = "root ::= " + " | ".join(ways)
    with pytest.raises(UsageError, match="more than 1 s"):
        checker.check(Grammar("ebnf", many))
    checker.check(Grammar("regex", "no|yes"))
    checker.close()
    checker.close()
    assert time.process_time() - start < 1, "it is not compiled here"


@pytest.fixture
def quick_checker(real, monkeypatch):
    """One that has a second for a grammar."""
    monkeypatch.setattr(openvino_grammar, "CPU_SECONDS", 1)
    checker = openvino_grammar.GrammarChecker(vocabulary.kept(Checkpoint(real.folder)))
    checker.check(Grammar("regex", "yes|no"))
    yield checker
    checker.close()


def test_what_takes_for_ever_to_read_keeps_nobody_waiting(quick_checker):
    """A pattern that backtracks; in this process it would hold Python's lock, and the event loop with it."""
    schema = {"patternProperties": {"^" + "(a*)*" * 15 + "$": {}}, "properties": {"a" * 30 + "b": {}}}
    refused = []

    def check():
        try:
            quick_checker.check(Grammar("json_schema", json.dumps(schema)))
        except UsageError as error:
            refused.append(str(error))

    checking, longest, last = threading.Thread(target=check), 0.0, time.monotonic()
    checking.start()
    while checking.is_alive():
        time.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert "more than 1 s" in refused[0] and longest < 1
    assert quick_checker.check(Grammar("regex", "no|yes")).seconds < 0.05


def test_a_verdict_that_a_request_holds_is_not_forgotten(monkeypatch):
    """512 others may come while it waits for its turn, and then the engine asks for it in the server's event loop."""
    monkeypatch.setattr(openvino_grammar, "_NUM_KEPT", 2)
    tried = []

    def judging(self, grammar):
        tried.append(grammar.text)
        return openvino_grammar.Usable(text=grammar.text, seconds=0.0) if grammar.text != "bad" else "no"

    monkeypatch.setattr(openvino_grammar.GrammarChecker, "_try", judging)
    checker = openvino_grammar.GrammarChecker(SimpleNamespace(trial_folder="", num_trial_rows=1))
    held = checker.check(Grammar("regex", "a"))
    for text in "bcde":
        checker.check(Grammar("regex", text))
    assert checker.check(Grammar("regex", "a")) is held is checker.judged(Grammar("regex", "a"))
    assert tried == list("abcde") and checker.judged(Grammar("regex", "b")) is None
    del held
    assert checker.judged(Grammar("regex", "a")) is None
    for ask in (checker.check, checker.judged):
        with pytest.raises(UsageError, match="no"):
            ask(Grammar("regex", "bad"))


def test_what_is_slow_to_follow_is_refused(real):
    """A text of length n in as many ways as there are trees over it: each token costs more than the one before."""
    with pytest.raises(UsageError, match="too long for each token"):
        real.engine.check_grammar(Grammar("ebnf", "root ::= x\nx ::= x x x | x x | [a-z ]+"))
    for grammar in (Grammar("ebnf", 'root ::= e\ne ::= e "+" e | [0-9]+'), Grammar("json_schema", json.dumps(SCHEMA))):
        judged = real.engine.check_grammar(grammar)
        assert 0 <= judged.seconds < 0.05 and real.engine.judged(grammar) is judged


def test_what_is_kept_of_grammars_is_bounded(family, monkeypatch):
    """The library keeps each for ever: an idle process is renewed, a busy one takes no new ones at some point."""
    monkeypatch.setattr(kept_grammars, "ENOUGH_BYTES", 10**6)
    monkeypatch.setattr(kept_grammars, "MOST_BYTES", 3 * 10**6)
    first, num_restarts = family.engine.pid, family.engine.num_restarts
    for n in range(4):
        assert family.answer("regex", f"renew {n}") == f"renew {n}"
    assert family.engine.pid != first and family.engine.num_restarts == num_restarts
    second = family.engine.pid
    with monkeypatch.context() as busy:
        busy.setattr(WorkerProcess, "is_idle", False)
        with pytest.raises(EngineError, match="too many different forms"):
            for n in range(20):
                assert family.answer("regex", f"busy {n}") == f"busy {n}"
        assert family.answer("regex", "busy 0") == "busy 0" and family.engine.pid == second, "known ones go on"
    assert family.answer("regex", "after") == "after" and family.engine.pid != second


LITERALS = ["école", "Straße", "20°C", "größe", "a\x85b", "ÿff", "Ωα中文😀", 'q"u\\o']


@pytest.mark.parametrize("text", LITERALS)
def test_prescribed_text_comes_out_as_it_is(real, text):
    schema = {"type": "object", "properties": {text: {"enum": [text]}}, "required": [text]}
    assert json.loads(real.answer("json_schema", json.dumps(schema))) == {text: text}
    assert real.answer("ebnf", "root ::= " + json.dumps(text, ensure_ascii=False)) == text
    assert real.answer("regex", re.escape(text)) == text


def test_long_limits_of_a_string_are_compiled_at_once(real):
    for most in (150, 4000):
        start = time.monotonic()
        real.engine.check_grammar(Grammar("json_schema", json.dumps({"type": "string", "maxLength": most})))
        assert time.monotonic() - start < openvino_grammar.WALL_SECONDS / 2  # 1 to 2 s where nothing else runs


def test_lengths_hold(real):
    ids, text, finish = real.collect(real.start("json_schema", json.dumps(SCHEMA), max_tokens=4))
    assert (len(ids), finish) == (4, "length") and "{" in text
    assert real.answer("regex", "yes|no", min_tokens=9) in ("yes", "no"), "nothing may follow"
    assert re.fullmatch("[a-z]{30,}", real.collect(real.start("regex", "[a-z]{30,}", max_tokens=90))[1].split("<")[0])


@pytest.mark.parametrize("ending", [{"ignore_eos": True}, {"stop_ids": ()}, {"stop_ids": (10**9,)}])
def test_it_ends_where_the_grammar_ends_whatever_else_was_asked(real, ending):
    assert real.answer("regex", "yes|no", **ending) in ("yes", "no")


@pytest.mark.parametrize("setup", ["real", "family"])
def test_any_text_can_come_out_and_no_control_token(setup, request):
    setup = request.getfixturevalue(setup)
    texts = ["你好，世界😀 naïve", "        x  y   z\n\ttab", '{"a": "<|im_end|> <think>"}', "a" * 20]
    for text in texts:
        literal = json.dumps(text, ensure_ascii=False)
        assert setup.answer("ebnf", f"root ::= {literal}", temperature=1.0, max_tokens=100) == text
    ids, _, _ = setup.collect(setup.start("regex", r"[\s\S]*", temperature=2.0, seed=1, max_tokens=100))
    assert not setup.control & set(ids[:-1]) and max(ids) < setup.tokenizer.vocab_size
    assert setup.is_serving()


def test_the_markers_of_spaces_are_used(family):
    answers = (family.start("regex", " {8}", temperature=2.0, seed=seed) for seed in range(12))
    ids = {id for answer in answers for id in family.collect(answer)[0]}
    assert ids & {family.tokenizer.token_to_id(f"[space{n}]") for n in (2, 3, 4, 8)}


def test_a_new_process_follows_them_too(family):
    os.kill(family.engine.pid, 9)
    time.sleep(0.2)
    assert family.answer("regex", "yes|no") in ("yes", "no")


def test_a_folder_without_tokenizer_serves_but_not_this(home, tmp_path):
    with engines.open(make_checkpoint(tmp_path / "bare"), engine="openvino", quant="f32") as engine:
        with pytest.raises(UsageError, match="no tokenizer"):
            engine.check_grammar(Grammar("regex", "a"))
        assert list(engine.generate([1, 2], Sampling(temperature=0, max_tokens=3)))[-1].finish == "length"


def test_the_kept_vocabulary_follows_the_tokenizer(home, tmp_path):
    folder = make_checkpoint(tmp_path / "tiny", vocab_size=400)
    make_tokenizer(folder)
    first = vocabulary.kept(Checkpoint(folder)).folder
    stamp = (first / "source.json").stat().st_mtime_ns
    assert vocabulary.kept(Checkpoint(folder)).folder == first
    assert (first / "source.json").stat().st_mtime_ns == stamp, "it is built once"
    (first / "openvino_detokenizer.bin").write_bytes(b"")
    assert vocabulary.kept(Checkpoint(folder)).folder == first
    assert (first / "openvino_detokenizer.bin").stat().st_size > 1000, "a damaged one is built again"
    make_tokenizer(folder, further=("<think>", "</think>", "<answer>"))
    assert vocabulary.kept(Checkpoint(folder)).folder != first and not first.exists()


def test_the_reference_engine_says_that_it_cannot(tmp_path):
    pytest.importorskip("torch")
    folder, sampling = make_checkpoint(tmp_path / "tiny"), Sampling(grammar=Grammar("regex", "a"))
    with (
        engines.open(folder, engine="transformers") as engine,
        pytest.raises(UsageError, match="transformers cannot follow a regex"),
    ):
        engine.generate([1], sampling)
