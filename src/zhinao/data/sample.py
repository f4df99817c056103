"""One item of training data, whatever format it came in, and where it stands. Reads and checks nothing."""

from dataclasses import dataclass, field
from typing import Literal

from zhinao.errors import ZhinaoError
from zhinao.lang import tr

Kind = Literal["chat", "text", "completion", "preference"]


@dataclass(frozen=True, slots=True)
class Place:
    """`source` as the user named it (`-`: standard input). `line`, from 1, where the item begins; None where there are no
    lines (parquet). `record`, from 1: which item of its source it is."""

    source: str
    line: int | None
    record: int

    def __str__(self) -> str:
        if self.line is not None:
            return tr(f"{self.source}, line {self.line}", f"{self.source} 第 {self.line} 行")
        return tr(f"{self.source}, record {self.record}", f"{self.source} 第 {self.record} 条")


@dataclass(frozen=True, slots=True)
class Sample:
    """`kind` says which of the fields are filled:

    chat: `messages`, in OpenAI's form (`prompt/messages.py`); a message may have a `weight` (0: not trained), and
        `tools` may be there. preference: `messages` are the prompt, `chosen` and `rejected` the messages that may follow.
    text: `text`, continued pre-training. completion: `prompt` and `completion`, text without a template.
    `label`: whether what would be learned is marked as good or as bad; None where it is not marked. `marked_by`: the field that
        says so.
    """

    kind: Kind
    place: Place
    messages: list[dict] = field(default_factory=list)
    tools: list[dict] | None = None
    chosen: list[dict] = field(default_factory=list)
    rejected: list[dict] = field(default_factory=list)
    text: str = ""
    prompt: str = ""
    completion: str = ""
    label: bool | None = None
    marked_by: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """An item that cannot be read, or not be trained on: where, which field (`messages[2].role`; may be empty), and what."""

    place: Place
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.place}, {self.field}" if self.field else f"{self.place}"
        return f"{where}: {self.message}"


class DataError(ZhinaoError):
    """Training data that cannot be used. The sentence has file and line."""

    exit_code = 10
