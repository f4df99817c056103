"""Minutes and memory of `zhinao reason decontaminate` on generated prompts, and a table of planted contaminations.

    python benchmarks/decontaminate_speed.py [--prompts 1000000] [--data DIR]

Prompts are generated sums and stories in Chinese and English, about 200 characters each; one in a thousand is a benchmark's question with
other numbers. Prints one JSON object.
"""

import argparse
import json
import random
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

from zhinao import machine
from zhinao.reason.decontaminate import benchmarks
from zhinao.reason.decontaminate.benchmarks import Question
from zhinao.reason.decontaminate.index import Index
from zhinao.reason.decontaminate.search import search

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.reason import planted

NAMES = ("Ada", "Ben", "Chloe", "Dmitri", "Elif", "Farid", "小明", "小红", "张老师", "王师傅", "李奶奶", "赵工程师")
THINGS = (
    "pens",
    "melons",
    "stamps",
    "kites",
    "copper coins",
    "bags of rice",
    "铅笔",
    "西瓜",
    "邮票",
    "风筝",
    "铜钱",
    "大米",
)
ACTS = ("buys", "loses", "finds", "sells", "gives away", "carries", "买了", "丢了", "找到", "卖出", "送给邻居", "搬走")
ENGLISH = "{name} {act} {num} {thing} on {day} and then {act2} {num2} more, while a friend of the family {act3} {num3} {thing2} for {num} dollars. How many {thing} does {name} have in the end?"
CHINESE = "{name}在第{num}天{act}{num2}份{thing}，第二天又{act2}{num3}份{thing2}，随后邻居{act3}了其中的一部分作为谢礼，请问最后{name}手里一共有多少份{thing}？"


def prompt(draw: random.Random) -> str:
    half = draw.choice((0, 6))
    pick = lambda words: words[half + draw.randrange(6)]  # noqa: E731
    values = {name: draw.randrange(2, 1000) for name in ("num", "num2", "num3")}
    values |= {name: pick(ACTS) for name in ("act", "act2", "act3")}
    values |= {
        "name": pick(NAMES),
        "thing": pick(THINGS),
        "thing2": pick(THINGS),
        "day": draw.choice(("Monday", "Sunday")),
    }
    return (CHINESE if half else ENGLISH).format(**values)


def write(file: Path, num: int, questions: list[Question]) -> int:
    """Returns how many are planted."""
    draw, num_planted = random.Random(42), 0
    with open(file, "w", encoding="utf-8") as out:
        for number in range(num):
            is_planted = number % 1000 == 999
            num_planted += is_planted
            text = re.sub(r"\d+", "77", draw.choice(questions).text) if is_planted else prompt(draw)
            out.write(json.dumps({"problem": text, "answer": "1"}, ensure_ascii=False) + "\n")
    return num_planted


def table() -> dict:
    index = Index(Question("planted", str(n), text) for n, text in enumerate((*planted.ENGLISH, *planted.CHINESE)))
    rows = {
        how: [sum(index.find(text) is not None for text in texts), len(texts)] for how, texts in planted.PLANTED.items()
    }
    return rows | {"false alarms": [sum(index.find(text) is not None for text in planted.OTHERS), len(planted.OTHERS)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    questions, _ = benchmarks.of([], args.data)
    index = Index(questions)
    indexed = time.monotonic() - began
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prompts.jsonl"
        long_ones = [one for one in questions if one.benchmark in ("gsm8k", "cmmlu", "ceval", "race-high")]
        num_planted = write(file, args.prompts, long_ones or questions)
        began = time.monotonic()
        outcome = search([str(file)], index, Path(folder) / "clean.jsonl")
        searched = time.monotonic() - began
    print(
        json.dumps(
            {
                "processor": machine.facts().as_dict(),
                "questions": len(questions),
                "index_seconds": round(indexed, 1),
                "prompts": args.prompts,
                "search_seconds": round(searched, 1),
                "prompts_a_second": round(args.prompts / searched),
                "max_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
                "rss_before_mb": round(before / 1e3),
                "planted": num_planted,
                "found": len(outcome.found),
                "table (found, of)": table(),
            },
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
