"""What judges are asked, and how their verdicts are read: strictly."""

import json
from types import SimpleNamespace

import pytest

from zhinao.score.judged import cfbench
from zhinao.score.judged.cfbench import CFBench
from zhinao.score.judged.mt_bench import MtBench

POINTS = [["夸的是春天", "主需"], ["回答正好三个字", "次需"]]


def item(**facts):
    return SimpleNamespace(prompt="Q1", turns=("Q2",), facts=facts)


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("Good. Rating: [[7]]", 7),
        ("Rating: [[7.5]]", 7.5),
        ("[[3]] and later [[9]]", 3),
        ("Rating: [8]", 8),
        ("Rating: 8", None),
        ("Rating: [[11]]", None),
        ("Rating: [[0]]", None),
        ("[[rating]]", None),
        ("", None),
    ],
)
def test_a_rating(text, rating):
    assert MtBench().parse(text, item()) == rating


def test_mt_bench_asks_once_a_turn_and_averages_what_was_read():
    first, second = MtBench().messages(item(), ["A1", "A2"])
    assert first[1]["content"].endswith("[The Start of Assistant's Answer]\nA1\n[The End of Assistant's Answer]")
    assert second[1]["content"].count("### ") == 4 and "second user question" in second[0]["content"]
    assert len(MtBench().messages(item(), ["A1"])) == 1
    grade = MtBench().grade(item(), [8.0, None])
    assert grade.score == 0.8 and grade.facts == {"ratings": [8.0, None]}
    assert MtBench().grade(item(), [None, None]).score is None


def test_mt_bench_hands_references_over():
    first, second = MtBench().messages(item(references=["R1", "R2"]), ["A1", "A2"])
    assert (
        "[The Start of Reference Answer]\nR1\n" in first[1]["content"]
        and "### Reference answer:\nR2" in second[1]["content"]
    )


def test_mt_bench_uses_the_authors_words(shared):
    file = shared / "data" / "eval" / "mt_bench" / "judge_prompts.jsonl"
    if not file.is_file():
        pytest.skip("the shared benchmark files are not here")
    texts = {row["name"]: row for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())}
    first = {"question": "Q1", "answer": "A1", "ref_answer_1": "R1"}
    second = {
        "question_1": "Q1",
        "question_2": "Q2",
        "answer_1": "A1",
        "answer_2": "A2",
        "ref_answer_1": "R1",
        "ref_answer_2": "R2",
    }
    for name, facts in (("single-v1", {}), ("single-math-v1", {"references": ["R1", "R2"]})):
        for asked, key, values in zip(
            MtBench().messages(item(**facts), ["A1", "A2"]), (name, name + "-multi-turn"), (first, second), strict=True
        ):
            assert asked[0]["content"] == texts[key]["system_prompt"]
            assert asked[1]["content"] == texts[key]["prompt_template"].format(**values)


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        ("夸的是春天\t1\n\n回答正好三个字\t0", [1, 0]),
        ("  夸的是春天\t1\n\n回答正好三个字\t1.0\n", [1, 1]),
        ("夸的是春天\t1", None),
        ("夸的是春天 1\n\n回答正好三个字 0", None),
        ("回答正好三个字\t1\n\n夸的是春天\t1", None),
        ("夸的是春天\t2\n\n回答正好三个字\t0", None),
        ("夸的是春天\t1\n回答正好三个字\t0", None),
        ("评估如下：\n\n夸的是春天\t1\n\n回答正好三个字\t0", None),
        ("", None),
    ],
)
def test_verdicts_of_cfbench(text, verdicts):
    assert CFBench().parse(text, item(criteria=POINTS, gold="")) == verdicts


@pytest.mark.parametrize(
    ("verdicts", "kinds", "csr", "isr", "psr"),
    [
        ([1, 1], "主次", 1.0, 1, 1),
        ([0, 1], "主次", 0.5, 0, 0),
        ([1, 0], "主次", 0.5, 0, 0),
        ([1, 1, 1, 0], "主次次次", 0.75, 0, 1),  # two of three secondary ones: 0.5 + 0.335
        ([1, 1, 0], "主次次", 0.67, 0, 0),  # half of them: 0.75
        ([1, 1], "主主", 1.0, 1, 1),
        ([1, 1, 1, 1, 0], "次次次次次", 0.8, 0, 0),
        ([1, 1, 1, 1, 1, 0], "次次次次次次", 0.83, 0, 1),
    ],
)
def test_measures_of_cfbench(verdicts, kinds, csr, isr, psr):
    assert cfbench.metrics(verdicts, [kind + "需" for kind in kinds]) == {"csr": csr, "isr": isr, "psr": psr}


def test_cfbench_asks_with_answer_and_points_as_they_are():
    (messages,) = CFBench().messages(item(criteria=POINTS, gold="{answer}"), ["花开了 {points}"])
    text = messages[0]["content"]
    assert text.endswith(
        "[用户指令]: Q1\n\n[参考答案]: {answer}\n\n[模型答案]: 花开了 {points}\n\n[评估标准]: 夸的是春天\n\n回答正好三个字\n\n[你的评估]: \n"
    )
    assert CFBench().grade(item(criteria=POINTS, gold=""), [None]).score is None


def test_cfbench_agrees_with_its_judged_files(shared):
    """All that were read strictly; the one that was read leniently is refused here."""
    folder = shared / "data" / "eval" / "cfbench" / "output" / "judge"
    if not folder.is_dir():
        pytest.skip("the shared benchmark files are not here")
    num = 0
    for file in folder.glob("*.json"):
        for row in json.loads(file.read_text(encoding="utf-8")):
            criteria = [point[:2] for point in row["criteria"]]
            found = CFBench().parse(row["judge_response"], item(criteria=criteria, gold=row["gold"]))
            if row["judge_parsing"] != "1":
                assert found is None
                continue
            num += 1
            assert found == [int(float(one)) for one in row["judge_score"]]
            assert list(cfbench.metrics(found, [kind for _, kind in criteria]).values()) == list(
                row["judge_metric"].values()
            )
    assert num >= 20
