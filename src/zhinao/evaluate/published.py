"""The publisher's tables as data: every column of the README's section 模型评估, the other makers' models too.

Source: README of 360Zhinao3 (released 2025-04-14), sections 基础模型效果, Instruct模型效果 and 长思维链模型效果. Averages are not data:
they are computed from rows, since one of the printed ones does not follow from its rows (`AVERAGE_NOTE`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor

from zhinao.lang import tr


@dataclass(frozen=True)
class Table:
    """`rows`: by task (and measure: "cfbench:csr"), a value for each of `models`; `titles`: what the README calls them.

    `scale`: what 1.0 is printed as; `digits`: behind the point (the README leaves off ending zeros).
    """

    suite: str
    section: str
    models: tuple[str, ...]
    titles: Mapping[str, str]
    rows: Mapping[str, tuple[float, ...]]
    scale: Mapping[str, float]
    digits: Mapping[str, int]

    def value(self, model: str, row: str) -> float | None:
        """As printed; None where the table has no such model or row."""
        if model not in self.models or row not in self.rows:
            return None
        return self.rows[row][self.models.index(model)]

    def column(self, model: str) -> dict[str, float]:
        return {row: values[self.models.index(model)] for row, values in self.rows.items()}


# Row of the table, its name there; then glm4-9b, Qwen2.5-7B, internlm2.5-7b, Yi1.5-9B, gemma2-9b, Llama3.1-8B, 360Zhinao2-7B,
# 360Zhinao3-7B.
_BASE = """
ceval          ceval          75.83 81.41 77.71 73.51 56.36 51.67 83.04 84.7
mmlu           mmlu           75.5  75.5  71.55 71.43 72.22 66.75 67.84 75.42
cmmlu          cmmlu          74.24 81.79 78.77 74.2  58.89 52.49 73.8  82.17
arc-c          ARC-c          94.92 80    85.08 87.46 77.63 80.68 87.12 88.14
arc-e          ARC-e          98.41 84.83 95.24 94.53 78.84 89.77 92.77 94
wic            WiC            51.57 52.82 50.78 50.63 50.47 50    49.84 50.31
wsc            WSC            68.27 68.27 69.23 66.35 68.27 67.31 65.38 71.15
boolq          BoolQ          81.8  83.88 89.51 84.46 85.6  82.2  88.29 88.38
commonsense-qa commonsense_qa 71.17 73.22 68.55 71.58 68.47 71.25 69.78 71.33
c3             C3             91.51 92    93.04 85.86 81.64 83.51 93.26 92.77
race-middle    race-middle    91.99 91.02 92.06 91.16 88.09 81.69 90.46 90.04
race-high      race-high      90.71 87.91 90.08 88.34 82.08 78.73 86.74 85.96
lcsts          lcsts          18.29 15.82 15.96 16.49 10.62 17.29 18.61 18.85
eprstmt-dev    eprstmt-dev    91.88 86.88 91.25 91.88 48.12 83.12 90    92.50
lambada        lambada        71.67 71.14 69.98 70.64 75.43 74.23 72.56 68.17
hellaswag      hellaswag      70.25 72.76 70.38 71.55 66.83 74.65 71.49 73.61
siqa           siqa           81.73 72.52 78.97 76.2  58.96 64.18 77.12 79.02
bbh            bbh            73.68 54.63 59.43 67.86 68.45 59.9  46.54 73.74
humaneval      humaneval      69.51 75    60.37 26.22 5.49  27.44 60.98 64.63
mbpp           mbpp           60    60    43.6  56.8  51.2  42.6  54    67.80
math           math           26.86 38    27.14 27.06 28.52 15.32 38.34 37.60
gsm8k          gsm8k          78.54 79.76 52.54 71.11 73.09 56.25 75.51 78.77
"""
# Qwen2.5-7B-Instruct, Yi-9B-16k-Chat, GLM4-9B-Chat, InternLM2.5-7B-Chat, 360Zhinao2-7B-Chat-4k, 360Zhinao3-7B-Instruct.
_INSTRUCT = """
mt-bench       MT-bench       8.07  7.44  8.08  7.39  7.86  8.17
ifeval         IFEval         0.556 0.455 0.634 0.540 0.577 0.626
cfbench:csr    CFBench-CSR    0.81  0.75  0.82  0.78  0.8   0.83
cfbench:isr    CFBench-ISR    0.46  0.4   0.48  0.4   0.44  0.52
cfbench:psr    CFBench-PSR    0.57  0.52  0.61  0.54  0.57  0.64
"""
# OpenThinker2-7B, OpenThinker-7B, 360Zhinao3-7B-O1.5, OpenR1-Qwen-7B, DeepSeek-R1-Distill-Qwen-7B, Light-R1-7B-DS, Areal-boba-RL-7B.
_THINKING = """
aime24         AIME24         50    31.3  54.2  48.7  57.3  59.1  61.9
aime25         AIME25         33.3  23.3  36.3  34.7  33.3  44.3  48.3
gpqa-diamond   GPQA-Diamond   49.3  42.4  40.0  21.2  47.3  49.4  47.6
"""


def _table(suite: str, section: str, models: str, text: str, scale: dict, digits: dict) -> Table:
    """`scale` and `digits`: under "" what holds for rows that they do not name."""
    lines = [line.split() for line in text.split("\n") if line]
    return Table(
        suite,
        section,
        tuple(models.split()),
        {name: title for name, title, *_ in lines},
        {name: tuple(map(float, values)) for name, _, *values in lines},
        {name: scale.get(name, scale[""]) for name, *_ in lines},
        {name: digits.get(name, digits[""]) for name, *_ in lines},
    )


BASE = _table(
    "readme-base",
    "基础模型效果",
    "glm4-9b Qwen2.5-7B internlm2.5-7b Yi1.5-9B gemma2-9b Llama3.1-8B 360Zhinao2-7B 360Zhinao3-7B",
    _BASE,
    {"": 100.0},
    {"": 2},
)
INSTRUCT = _table(
    "readme-instruct",
    "Instruct模型效果",
    "Qwen2.5-7B-Instruct Yi-9B-16k-Chat GLM4-9B-Chat InternLM2.5-7B-Chat 360Zhinao2-7B-Chat-4k 360Zhinao3-7B-Instruct",
    _INSTRUCT,
    {"": 1.0, "mt-bench": 10.0},
    {"": 2, "ifeval": 3},
)
THINKING = _table(
    "readme-o1.5",
    "长思维链模型效果",
    "OpenThinker2-7B OpenThinker-7B 360Zhinao3-7B-O1.5 OpenR1-Qwen-7B DeepSeek-R1-Distill-Qwen-7B Light-R1-7B-DS "
    "Areal-boba-RL-7B",
    _THINKING,
    {"": 100.0},
    {"": 1},
)
TABLES = {table.suite: table for table in (BASE, INSTRUCT, THINKING)}
# The columns of released models, by their short names in `family.py`.
OURS = {
    "7b": "360Zhinao3-7B",
    "7b-instruct": "360Zhinao3-7B-Instruct",
    "7b-o1.5": "360Zhinao3-7B-O1.5",
    "2-7b": "360Zhinao2-7B",
}
CHINESE_ROWS = ("ceval", "cmmlu", "c3", "lcsts", "eprstmt-dev")
# As printed, in the order of BASE.models.
PRINTED_AVERAGES = {
    "avg_zh": (70.35, 71.58, 71.35, 68.39, 51.13, 57.62, 71.74, 74.20),
    "avg_all": (73.11, 71.78, 69.60, 68.88, 61.60, 62.32, 70.61, 74.83),
}


def average_note() -> str:
    return tr(
        "The README prints 74.83 as the mean of all 22 rows of 360Zhinao3-7B; the rows give 74.05. "
        "(Without humaneval and mbpp they give 74.83.)",
        "README 中 360Zhinao3-7B 全部 22 行的平均分写作 74.83，由各行计算得 74.05（去掉 humaneval 与 mbpp 两行则为 74.83）。",
    )


def averages(scores: Mapping[str, float]) -> dict[str, float | None]:
    """`avg_zh` and `avg_all`: plain means of rows; None while a row is missing."""
    return {"avg_zh": _mean(scores, CHINESE_ROWS), "avg_all": _mean(scores, tuple(BASE.rows))}


def _mean(scores: Mapping[str, float], rows: tuple[str, ...]) -> float | None:
    return sum(scores[row] for row in rows) / len(rows) if all(row in scores for row in rows) else None


def span(value: float, digits: int) -> tuple[float, float]:
    """Between which values a number lay that was printed so: rounded (half a unit either way), or cut off (a unit above)."""
    unit = 10.0**-digits
    return value - unit / 2, value + unit


def counts(value: float, digits: int, num_items: int, scale: float = 100.0) -> range:
    """How many of `num_items` were right where `value` was printed: whole numbers k with scale·k/num_items in its span."""
    low, high = (bound / scale * num_items for bound in span(value, digits))
    return range(ceil(low - 1e-9), max(ceil(low - 1e-9), floor(high - 1e-9) + 1))


def is_equal(score: float, value: float, digits: int) -> bool:
    """Whether a score (on the table's scale) would be printed as `value`, rounded or cut off."""
    low, high = span(value, digits)
    return low - 1e-9 <= score < high - 1e-9
