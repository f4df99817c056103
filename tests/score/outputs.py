"""Outputs as a model with long thoughts writes them, with what they answer: by templates, in English and Chinese, always the same."""

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    kind: str
    gold: str
    output: str
    right: bool


# (kind, output, whether it is right): G the gold answer, W a wrong one.
_TEMPLATES = (
    ("box", "<think>\nLet me see. 3 + 4 …\n</think>\nThe answer is \\boxed{G}.", True),
    ("box", "<think>\n让我想想，先设未知数。\n</think>\n所以答案是 \\boxed{G}。", True),
    ("wrong box", "<think>\nIt may be G.\n</think>\nThe answer is \\boxed{W}.", False),
    ("wrong box", "<think>\n我觉得是 \\boxed{G}，不，再算一遍。\n</think>\n答案：\\boxed{W}", False),
    ("box in the thought only", "<think>\nso \\boxed{G}\n</think>\nI have solved it above.", False),
    ("box in the thought only", "<think>\n所以 \\boxed{G}", False),
    ("two boxes", "</think>\nFirst \\boxed{W}. No, wait: \\boxed{G}", True),
    ("two boxes", "</think>\n先得 \\boxed{G}，检查后改为 \\boxed{W}", False),
    ("nested box", "</think>\n\\boxed{\\boxed{G}}", True),
    ("box in a formula", "</think>\n\\[ x = \\boxed{G} \\]\nDone.", True),
    ("nested braces", "</think>\n$$\\boxed{\\text{ }{G}}$$", True),
    ("cut off in the box", "</think>\nSo the answer is \\boxed{G", False),
    ("cut off in the thought", "<think>\nThe answer is G. Let me verify again", False),
    ("thought after thought", "<think>a</think>\\boxed{W}<think>b</think>\n\\boxed{G}", True),
    ("thought opened again", "<think>a</think>\\boxed{G}<think>wait", False),
    ("empty box", "</think>\nThe answer is \\boxed{}.", False),
    ("box with both", "</think>\n\\boxed{G \\text{ or } W}", False),
    ("in words", "</think>\nThe final answer is G.", True),
    ("in words", "</think>\n最终答案是：G。", True),
    ("in words", "</think>\n经过计算，答案为$G$。", True),
    ("wrong in words", "</think>\n答案是W，不是别的。", False),
    ("no answer", "</think>\nThere were G of them, I think, and W others came.", False),
)
_ANSWERS = (
    *(("14", "12"), ("\\frac{3}{4}", "\\frac{4}{3}"), ("-7", "7"), ("(1,2)", "(2,1)"), ("204", "240")),
    *(
        ("\\sqrt{13}", "\\sqrt{31}"),
        ("\\{1,2\\}", "\\{1,3\\}"),
        ("50\\%", "5\\%"),
        ("x^2+1", "x^2-1"),
        ("45^\\circ", "54^\\circ"),
    ),
)


def cases() -> list[Case]:
    """220 of them."""
    return [
        Case(kind, gold, output.replace("G", gold).replace("W", wrong), right)
        for (kind, output, right), (gold, wrong) in itertools.product(_TEMPLATES, _ANSWERS)
    ]
