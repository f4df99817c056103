"""Generated problems, and the tiny model in the family's form. The tour itself takes minutes."""

import random

from zhinao.reason import problems
from zhinao.reason.tour import model, page, stages
from zhinao.reason.tour.asking import grades


def test_the_readmes_question_is_one_of_the_problems():
    one = problems.cage(14, 5, "zh")
    assert one.prompt == problems.QUESTION and one.gold == "(9,5)" and "38-28=10" in one.thought


def test_worked_answers_are_right_and_others_are_not():
    draw = random.Random(1)
    posed = [*problems.cages(draw)[:20], *problems.additions(20, draw)]
    said = [[one.conversation()["messages"][1]["content"], "<think>\n?\n</think>\n\n\\boxed{(1,1)}"] for one in posed]
    assert grades(posed, said) == [[1.0, 0.0]] * 40


def test_what_is_asked_is_never_taught():
    posed = stages.pose(stages.WHOLE, seed=3)
    taught = {one.key for one in (*posed.easy, *posed.hard)}
    assert not taught & {one.key for one in (*posed.test, *posed.held)}
    assert problems.QUESTION in [one.prompt for one in posed.test] and len(posed.hard) > 100


def test_the_tiny_model_has_fused_weights_and_a_token_for_each_character(tmp_path):
    from zhinao.model.tokenizer import Tokenizer

    folder = model.make(tmp_path / "model", seed=0)
    tokenizer = Tokenizer.load(folder)
    ids = tokenizer.encode("鸡兔38")
    assert [tokenizer.decode([id]) for id in ids] == ["鸡", "兔", "3", "8"]
    assert {"<|im_start|>", "<|im_end|>", "<think>", "</think>"} <= tokenizer.control_tokens.keys()
    assert (folder / "model.safetensors").stat().st_size < 5e6


def test_page_shows_each_stage():
    rows = [{"name": "sft-1", "accuracy": 0.25, "interval": [0.2, 0.3], "seconds": 3.0}]
    text = page.of(rows, {"sft-1": [(20, 0.1), (40, 0.25)]}, "1 < 2?", {"thought": "<b>", "answer": "yes"})
    assert "25.0%" in text and "&lt;b&gt;" in text and "1 &lt; 2?" in text
