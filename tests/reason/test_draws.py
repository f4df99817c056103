"""Rating and rejection sampling on a backend without a model: what is asked, what is asked again, what is written."""

import json

import pytest

from zhinao.arguments import Parser
from zhinao.data.read.read import read
from zhinao.data.sample import DataError
from zhinao.errors import EngineError, UsageError
from zhinao.evaluate.backend.base import Backend, Output
from zhinao.reason import problem_files, rate
from zhinao.reason.commands import drawing, sample
from zhinao.reason.commands import rate as rating

LINES = [
    {"problem": "2 + 2 = ?", "answer": "4", "source": "ours"},
    {"prompt": "3 + 3 = ?", "gold": "6"},
    {"messages": [{"role": "user", "content": "5 + 5 = ?"}], "gold": 10},
]


class Pupil(Backend):
    """Says 4 to everything, thinking; at every other seed it says 6. Gone after `most` answers."""

    name = "pupil"

    def __init__(self, most: int = 1000):
        self.identity = {"model": "pupil"}
        self.most, self.asked = most, []

    def loglikelihoods(self, texts):
        raise NotImplementedError

    def generate(self, asks):
        for index, ask in enumerate(asks):
            if len(self.asked) == self.most:
                yield index, EngineError("gone")
                continue
            self.asked.append((ask.prompt[-1]["content"], ask.sampling["seed"]))
            said = 6 if ask.sampling["seed"] % 2 else 4
            yield index, Output(f"So \\boxed{{{said}}}.", 9, "stop", f"I add, and have {said}.")


@pytest.fixture
def command(tmp_path, monkeypatch):
    data = tmp_path / "problems.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in LINES))

    def run(verb, pupil, *words: str) -> list[dict]:
        monkeypatch.setattr(drawing, "_backend", lambda args: pupil)
        parser = Parser(prog="x")
        verb.add_arguments(parser)
        out = tmp_path / f"{verb.__name__.rpartition('.')[2]}.jsonl"
        draws = ["--draws", f"{tmp_path / 'draws'}"]
        assert verb.run(parser.parse_args([f"{data}", "pupil", "--out", f"{out}", *draws, "--force", *words])) == 0
        return [json.loads(line) for line in out.read_text().splitlines()]

    return run


def test_problems_are_rated_and_keep_their_fields(command):
    found = command(rating, Pupil())
    assert [one["pass_rate"] for one in found] == [0.5, 0.5, 0.0]
    assert [one["bucket"] for one in found] == ["medium", "medium", "never"]
    assert found[0] | LINES[0] == found[0] and found[0]["num_samples"] == 4


def test_nothing_is_drawn_twice(command, tmp_path):
    first, second = Pupil(most=5), Pupil()
    with pytest.raises(EngineError, match="7"):
        command(rating, first)
    assert not (tmp_path / "rate.jsonl").exists()
    with open(tmp_path / "draws" / "items.jsonl", "a") as file:
        file.write('{"task": "draws", "id": "cut')  # what kill -9 leaves
    command(rating, second)
    assert len(first.asked) == 5 and len(second.asked) == 7
    assert not set(first.asked) & set(second.asked)
    third = Pupil()
    command(rating, third, "-k", "6")
    assert len(third.asked) == 3 * 2
    assert len(command(sample, idle := Pupil(), "-k", "6")) == 2 and not idle.asked  # both share the draws


def test_draws_of_another_temperature_are_refused(command):
    command(rating, Pupil())
    with pytest.raises(UsageError, match="temperature"):
        command(rating, Pupil(), "--temperature", "0.6")


def test_right_answers_become_conversations_with_their_thought(command, tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    found = command(sample, Pupil(), "--pairs", f"{pairs}", "--keep", "all")
    assert len(found) == 2  # the same answer, twice drawn, is kept once
    asked, answer = found[0]["messages"]
    assert asked["content"].startswith("2 + 2 = ?\n") and "boxed" in asked["content"]
    assert answer == {"role": "assistant", "content": "So \\boxed{4}.", "reasoning_content": "I add, and have 4."}
    [first, _] = read([f"{pairs}"])
    assert first.kind == "preference"
    assert (first.chosen[0]["content"], first.rejected[0]["content"]) == ("So \\boxed{4}.", "So \\boxed{6}.")
    assert {one.kind for one in read([f"{tmp_path / 'sample.jsonl'}"])} == {"chat"}


def test_rules_of_keeping():
    from zhinao.reason.draws import Draw
    from zhinao.reason.sample import kept

    draws = [
        Draw("longer", 1, True),
        Draw("ab", 1, True),
        Draw("ab ", 1, True),
        Draw("c", 1, False),
        Draw("d", 0, True),
    ]
    assert [one.output for one in kept(draws, "shortest", 0)] == ["ab"]
    assert [one.output for one in kept(draws, "first", 0)] == ["longer"]
    assert [one.output for one in kept(draws, "all", 0)] == ["longer", "ab"]
    assert [one.output for one in kept(draws, "shortest", 2)] == ["ab", "longer"]


@pytest.mark.parametrize(
    "share, name", [(0, "never"), (0.25, "hard"), (0.26, "medium"), (0.75, "medium"), (0.8, "easy"), (1, "always")]
)
def test_buckets(share, name):
    assert rate.bucket(share) == name


@pytest.mark.parametrize(
    "line", ['{"problem": "x"}', '{"gold": "1"}', '{"messages": [{"role": "assistant"}], "gold": "1"}']
)
def test_what_is_no_problem_is_a_sentence_with_its_line(tmp_path, line):
    file = tmp_path / "a.jsonl"
    file.write_text('{"problem": "1+1", "answer": "2"}\n' + line + "\n")
    with pytest.raises(DataError, match=r"a\.jsonl.*2"):
        problem_files.read([f"{file}"])
