"""LCSTS, test: a headline for a short Chinese text, ROUGE-1 over words."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.evaluate.tasks._files import found, lines
from zhinao.lang import tr
from zhinao.score.grade import Grade


def items(folder: Path) -> Iterator[Item]:
    texts, headlines = found(folder, "test.src.txt"), found(folder, "test.tgt.txt")
    for text, headline in zip_longest(lines(texts), lines(headlines)):
        if text is None or headline is None:
            longer, shorter = (headlines, texts) if text is None else (texts, headlines)
            raise UsageError(tr(f"{longer} has more lines than {shorter}.", f"{longer} 的行数多于 {shorter}。"))
        line, text = text
        prompt = f"阅读以下文章，并给出简短的摘要：{text.strip()}\n摘要如下："
        yield Item(id=str(line - 1), prompt=prompt, gold=headline[1].strip())


def grade(item: Item, output: str) -> Grade:
    from zhinao.score.text import rouge_chinese_1

    headline = first_line(output)
    return Grade(rouge_chinese_1(headline, item.gold), headline)


def first_line(output: str) -> str:
    """Without the mark of a list in front (and then nowhere in the line) and Chinese punctuation around."""
    line = output.strip().split("\n")[0].strip()
    for mark in ("1. ", "- "):
        line = line.replace(mark, "") if line.startswith(mark) else line
    return line.strip("“，。！”")


TASK = Task(
    name="lcsts",
    title="lcsts",
    language="zh",
    protocol="OpenCompass lcsts_gen_8ee1fe: test, 0-shot, ROUGE-1 F over jieba's words, mean of items",
    mode=GENERATION,
    folder="lcsts",
    items=items,
    num_items=10666,
    grade=grade,
)
