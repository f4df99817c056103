"""Problems with known answers, from any container of training data: what is asked, what is right. Draws nothing and grades nothing."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zhinao.data.read import containers
from zhinao.data.read.containers.stream import opened
from zhinao.data.read.formats import cells
from zhinao.data.read.sources import expand
from zhinao.data.sample import DataError, Fault, Place
from zhinao.lang import tr

PROMPTS, GOLDS = ("messages", "prompt", "problem", "question"), ("gold", "answer")  # as `reason grpo` reads them


@dataclass(frozen=True)
class Problem:
    """`messages` are asked, `text` is the last of them; `id` is made of them and of `gold`. `record`: the line as it came."""

    id: str
    messages: tuple[dict, ...]
    gold: str
    record: dict

    @property
    def text(self) -> str:
        return self.messages[-1]["content"]


def read(sources: Sequence[str], instruction: str = "") -> list[Problem]:
    """Each problem once, in the order of the data; `instruction` stands behind the text of each.

    Raises DataError with file and line for what is no problem.
    """
    found = {}
    for place, record in _records(sources):
        one = _problem(place, record, instruction)
        found.setdefault(one.id, one)
    if not found:
        raise DataError(tr("The data hold no problems.", "数据中没有题目。"))
    return list(found.values())


def _records(sources: Sequence[str]) -> Iterator[tuple[Place, dict]]:
    for file in expand(sources).files:
        with opened(file) as stream:
            container = containers.container_of(stream)
            for item in containers.records(stream, container):
                if isinstance(item, Fault):
                    raise DataError(str(item))
                place, record = item
                yield place, cells.opened(record, container in containers.TABLES)


def _problem(place: Place, record: dict, instruction: str) -> Problem:
    asked = _first(place, record, PROMPTS, tr("prompt", "题目"))
    gold = _first(place, record, GOLDS, tr("known answer", "参考答案"))
    messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    if not _is_dialogue(messages):
        raise DataError(
            tr(f"{place}: does not end with a user's text.", f"{place}：最后一条应为用户的文本消息。"),
        )
    gold = gold if isinstance(gold, str) else json.dumps(gold, ensure_ascii=False)
    if instruction:
        messages = [*messages[:-1], {**messages[-1], "content": f"{messages[-1]['content']}\n{instruction}"}]
    key = json.dumps([messages, gold], ensure_ascii=False, sort_keys=True)
    return Problem(hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16], tuple(messages), gold, record)


def _first(place: Place, record: dict, names: tuple[str, ...], what: str):
    for name in names:
        if record.get(name) not in (None, "", []):
            return record[name]
    shown = ", ".join(names)
    raise DataError(tr(f"{place}: holds no {what} ({shown}).", f"{place}：没有{what}（{shown}）。"))


def _is_dialogue(messages) -> bool:
    is_list = isinstance(messages, list) and all(isinstance(one, dict) and "role" in one for one in messages)
    return is_list and messages[-1]["role"] == "user" and isinstance(messages[-1].get("content"), str)
