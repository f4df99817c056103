"""Problems that are generated: additions, and chickens and rabbits in a cage, in Chinese and English, with worked thoughts.

Each knows its answer, so that it can be graded; the README's own question (14 heads, 38 legs) is one of them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

QUESTION = "现有一笼子，里面有鸡和兔子若干只，数一数，共有头14个，腿38条，求鸡和兔子各有多少只？"
_CAGE = {
    "zh": ("现有一笼子，里面有鸡和兔子若干只，数一数，共有头{h}个，腿{l}条，求鸡和兔子各有多少只？", "鸡兔同笼，头{h}个，腿{l}条，各有多少只？"),
    "en": ("Chickens and rabbits share a cage: {h} heads, {l} legs. How many of each?",),
}  # fmt: skip
_CAGE_THOUGHT = {
    "zh": "全是鸡：腿{h}×2={d}\n多{l}-{d}={e}\n兔{e}÷2={r}\n鸡{h}-{r}={c}",
    "en": "all chickens: legs {h}×2={d}\nmore {l}-{d}={e}\nrabbits {e}÷2={r}\nchickens {h}-{r}={c}",
}
_CAGE_ANSWER = {"zh": "鸡{c}只，兔{r}只\n\\boxed{{({c},{r})}}", "en": "{c} chickens, {r} rabbits\n\\boxed{{({c},{r})}}"}
_SUM = {"zh": ("计算{a}+{b}。",), "en": ("Compute {a}+{b}.",)}
_SUM_ANSWER = "\\boxed{{{s}}}"
MOST_HEADS = 24


@dataclass(frozen=True)
class Problem:
    """`key` is the same for the same numbers, whatever the words; `thought` and `answer` are what a model should say."""

    key: str
    prompt: str
    gold: str
    thought: str
    answer: str

    def to_json(self) -> dict:
        return {"prompt": self.prompt, "gold": self.gold}

    def conversation(self) -> dict:
        return conversation(self.prompt, f"<think>\n{self.thought}\n</think>\n\n{self.answer}")


def conversation(prompt: str, completion: str) -> dict:
    """A line of training data."""
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]}


def cage(num_heads: int, num_rabbits: int, language: str, form: int = 0) -> Problem:
    h, r, c = num_heads, num_rabbits, num_heads - num_rabbits
    numbers = {"h": h, "r": r, "c": c, "l": 2 * c + 4 * r, "d": 2 * h, "e": 2 * r}
    asked = _CAGE[language][form % len(_CAGE[language])].format(**numbers)
    thought, answer = _CAGE_THOUGHT[language].format(**numbers), _CAGE_ANSWER[language].format(**numbers)
    return Problem(f"cage {h} {r}", asked, f"({c},{r})", thought, answer)


def addition(a: int, b: int, language: str) -> Problem:
    """Column by column from the right, as at school."""
    lines, carry, places = [], 0, max(len(str(a)), len(str(b)))
    for place in range(places):
        x, y = a // 10**place % 10, b // 10**place % 10
        lines.append(f"{x}+{y}+{carry}={x + y + carry}")
        carry = (x + y + carry) // 10
    asked = _SUM[language][0].format(a=a, b=b)
    return Problem(f"sum {a} {b}", asked, str(a + b), "\n".join(lines), _SUM_ANSWER.format(s=a + b))


def cages(draw: random.Random) -> list[Problem]:
    """All cages there are, in a random language and form, shuffled."""
    numbers = [(h, r) for h in range(3, MOST_HEADS + 1) for r in range(1, h)]
    draw.shuffle(numbers)
    return [cage(h, r, draw.choice(("zh", "en")), draw.randrange(2)) for h, r in numbers]


def additions(num: int, draw: random.Random) -> list[Problem]:
    """Different pairs of two digits each."""
    pairs = draw.sample(range(90 * 90), num)
    return [addition(10 + one // 90, 10 + one % 90, draw.choice(("zh", "en"))) for one in pairs]


def texts() -> Sequence[str]:
    """Every word that a problem or its answer may hold."""
    some = [cage(14, 5, language, form) for language in ("zh", "en") for form in (0, 1)]
    some += [addition(47, 85, language) for language in ("zh", "en")]
    return [text for one in some for text in (one.prompt, one.thought, one.answer)]
