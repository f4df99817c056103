"""BIG-Bench Hard: 27 tasks, three worked examples each (the authors' prompts), an answer at the end of a chain of thought."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.evaluate.tasks._files import files_are_said, found, json_object, lines
from zhinao.lang import tr
from zhinao.score.grade import Grade

FREE_FORM = frozenset(
    [
        "boolean_expressions",
        "causal_judgement",
        "dyck_languages",
        "formal_fallacies",
        "multistep_arithmetic_two",
        "navigate",
        "object_counting",
        "sports_understanding",
        "web_of_lies",
        "word_sorting",
    ]
)


def items(ending: str, folder: Path) -> Iterator[Item]:
    place = found(folder, "bbh", "data")
    files = sorted(place.glob("*.json"))
    if not files:
        raise UsageError(tr(f"{place} holds no *.json.", f"{place} 中没有 *.json。"), files_are_said())
    for file in files:
        before = f"Follow the given examples and answer the question.\n{examples(folder, file.stem)}\n\nQ: "
        for index, row in enumerate(json_object(file).rows("examples")):
            prompt = f"{before}{row.text('input')}\nA: {ending}"
            yield Item(id=f"{file.stem}/{index}", prompt=prompt, gold=row.text("target"), subset=file.stem)


def examples(folder: Path, name: str) -> str:
    """The authors' files have a canary and a line of dashes in front."""
    file = found(folder, f"cot-prompts/{name}.txt", f"lib_prompt/{name}.txt")
    text = "\n".join(text for _, text in lines(file))
    return text.split("-----\n", 1)[-1]


def grade(is_last: bool, item: Item, output: str) -> Grade:
    """`is_last`: as the tool does it since the release: the last "answer is", for free answers without regard to case."""
    from zhinao.score.choices import bbh_text

    if item.subset in FREE_FORM:
        chosen, gold = bbh_text(output, is_last), item.gold
        return Grade(float(chosen.casefold() == gold.casefold() if is_last else chosen == gold), chosen)
    chosen = option(output)
    return Grade(float(chosen == option(item.gold)), chosen)


def option(text: str) -> str:
    """A letter, else all that stands behind "answer is "."""
    from zhinao.score.choices import after_answer_is, bbh_option

    return bbh_option(text) or after_answer_is(text)


TASK = Task(
    name="bbh",
    title="bbh",
    language="en",
    protocol="OpenCompass bbh_gen_5bf00b: 3-shot chain of thought, 512 new tokens, text after the first 'answer is', "
    "unweighted mean of 27 tasks",
    mode=GENERATION,
    folder="bbh",
    items=partial(items, ""),
    num_items=6511,
    grade=partial(grade, False),
    max_tokens=512,
    mean="subsets",
)
STEPS = replace(
    TASK,
    protocol=TASK.protocol.replace("5bf00b", "5b92b0 (Let's think step by step.)"),
    items=partial(items, "Let's think step by step."),
)
LONG = replace(STEPS, protocol=STEPS.protocol.replace("5b92b0", "ee62e9").replace("512", "1024"), max_tokens=1024)
LAST = replace(TASK, protocol=TASK.protocol.replace("the first", "the last"), grade=partial(grade, True))
TASK = replace(TASK, variants={"gen_5bf00b": TASK, "gen_5b92b0": STEPS, "gen_ee62e9": LONG, "gen_5bf00b_last": LAST})
