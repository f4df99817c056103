"""A sample as token ids and loss weights. Cuts nothing; what is too long is `overlong.py`'s business."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from zhinao.data.encode import dialogue
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.dialogue import Document, apart, is_cut, served_turn, without_thought
from zhinao.data.read.formats.fields import LABELS
from zhinao.data.sample import Fault, Place, Sample
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.prompt.conversation import MaskError
from zhinao.prompt.messages import normalized


@dataclass(frozen=True, slots=True)
class Encoded:
    """One document for the trainer.

    ids: `(T,)` int32. weights: `(T,)` float32, what the loss of predicting `ids[t]` counts; 0 where nothing is learned
    (always at t = 0). The last id is a trained one. turns: for conversations, the first position after each trained
    message (after its end token).
    """

    ids: np.ndarray
    weights: np.ndarray
    place: Place
    turns: tuple[int, ...] = ()

    @property
    def num_supervised(self) -> int:
        return int(np.count_nonzero(self.weights))


class _Unusable(Exception):
    """Field and sentence of what makes a sample unusable; never leaves this file."""


def encode(sample: Sample, tokenizer, choices: Choices) -> list[Encoded] | Fault:
    """The documents that a sample becomes, or why nothing can be learned from it.

    Conversations: the assistant's words and its end token are trained, by each message's `weight`. completion: the
    completion and the end token. text: all of it and the end token. Content never becomes control tokens.
    `tokenizer` is a `zhinao.model.tokenizer.Tokenizer`. Raises UsageError where the fault is the tokenizer's: no end token,
    or a template that does not show which tokens are the assistant's.
    """
    if fault := _bad_answer(sample, choices):
        return fault
    makers = {"chat": _chat, "completion": _completion, "text": _text, "preference": _pair}
    try:
        made = makers[sample.kind](sample, tokenizer, choices)
    except _Unusable as error:
        return Fault(sample.place, *error.args)
    encoded = [_encoded(document, sample.place) for document in made]
    encoded = [document for document in encoded if document.num_supervised]
    return encoded or Fault(sample.place, "", tr("no token of it would be trained", "没有任何 token 会参与训练"))


def encode_preference(sample: Sample, tokenizer, choices: Choices) -> tuple[list[int], list[int], list[int]] | Fault:
    """Ids of the prompt as the server renders it, of the preferred answer and of the other, end tokens included."""
    if fault := _bad_answer(sample, choices):
        return fault
    try:
        messages = _normalized(sample.messages, "messages")
        prompt, chosen = _answer(messages, sample.chosen, "chosen", sample.tools, tokenizer, choices)
        _, rejected = _answer(messages, sample.rejected, "rejected", sample.tools, tokenizer, choices)
        if chosen == rejected:
            raise _Unusable("rejected", tr("is the same as chosen", "与 chosen 相同"))
    except _Unusable as error:
        return Fault(sample.place, *error.args)
    return prompt, chosen, rejected


def is_left_out(sample: Sample, choices: Choices) -> bool:
    """Whether the sample is marked as a bad answer, and such ones are to be left out."""
    return sample.label is False and choices.rejected == "drop"


def _bad_answer(sample: Sample, choices: Choices) -> Fault | None:
    if sample.label is not False or choices.rejected == "learn":
        return None
    name = sample.marked_by or "label"
    if choices.rejected == "drop":
        return Fault(sample.place, name, tr("marked as a bad answer; left out", "标为不好的回答，已略过"))
    value = "false" if LABELS[name] else "true"
    what = tr(
        f"{value}: marked as a bad answer, which would be learned. --rejected drop leaves such samples out; --rejected learn "
        "takes the field for something else",
        f"为 {value}：标为不好的回答，训练会学到它。--rejected drop 略过这类样本；--rejected learn 表示该字段另有含义",
    )
    return Fault(sample.place, name, what)


def _chat(sample: Sample, tokenizer, choices: Choices) -> list[Document]:
    messages = _normalized(sample.messages, "messages")
    _check_calls(messages)
    weights = {n: weight for n, m in enumerate(messages) if (weight := _weight(n, m)) and m["role"] == "assistant"}
    for message in messages:
        message.pop("weight", None)
    return _rendered(dialogue.documents, messages, weights, sample.tools, tokenizer, choices)


def _check_calls(messages: list[dict]) -> None:
    """A call ends a turn, and what comes next is the tool's: an answer of the assistant would teach a frame that no server shows."""
    for n, (before, message) in enumerate(itertools.pairwise(messages), 1):
        if before.get("tool_calls") and message["role"] == "assistant":
            what = tr(
                "follows a call that no tool has responded to; a text that belongs to the call stands before it",
                "紧跟在没有工具返回的调用之后；与调用同属一轮的文本应写在调用之前",
            )
            raise _Unusable(f"messages[{n}].role", what)


def _answer(messages: list[dict], answer: list[dict], field: str, tools, tokenizer, choices: Choices):
    if len(answer) != 1 or answer[0].get("role") != "assistant":
        raise _Unusable(field, tr("must be one message of the assistant", "必须是一条 assistant 消息"))
    whole = [*messages, *_normalized(answer, field)]
    _check_calls(whole)
    for message in whole:
        message.pop("weight", None)
    if choices.thoughts == "drop":
        whole = [without_thought(m) for m in whole]
    prompt, ids = _rendered(served_turn, whole, tools, tokenizer)
    if not ids:
        raise _Unusable(field, tr("the chat template shows nothing of it", "对话模板没有渲染出任何内容"))
    return prompt, ids


def _completion(sample: Sample, tokenizer, choices: Choices) -> list[Document]:
    """Prompt and completion are encoded apart, as they are when the model is asked to go on."""
    document = Document()
    document.add(tokenizer.encode(sample.prompt), 0)
    document.add([*tokenizer.encode(sample.completion), _end(tokenizer)], 1)
    return [document] if sample.completion else []


def _text(sample: Sample, tokenizer, choices: Choices) -> list[Document]:
    document = Document()
    document.add([*tokenizer.encode(sample.text), _end(tokenizer)], 1)
    return [document] if sample.text else []


def _pair(sample: Sample, tokenizer, choices: Choices) -> list[Document]:
    raise _Unusable("", tr("a pair of answers is for `zhinao prefer`", "偏好数据请用 `zhinao prefer`"))


def _end(tokenizer) -> int:
    if tokenizer.eos_id is None:
        raise UsageError(
            tr("The tokenizer names no end token.", "分词器没有指定结束 token。"),
            tr('set "eos_token" in tokenizer_config.json', "请在 tokenizer_config.json 中设置 eos_token"),
        )
    return tokenizer.eos_id


def _normalized(messages: list[dict], field: str) -> list[dict]:
    try:
        result = normalized(messages)
    except UsageError as error:
        raise _Unusable(field, error.message.rstrip(".。")) from None
    for n, message in enumerate(result):
        if message["role"] == "assistant" and is_cut(message):
            what = tr("the thought never ends: no </think>", "思考没有结束：缺少 </think>")
            raise _Unusable(f"{field}[{n}].content", what)
    return [apart(message) for message in result]


def _weight(n: int, message: dict) -> float:
    value = message.get("weight", 1.0)
    value = 1.0 if value is None else value
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        what = tr(f"must be a number from 0 on, not {value!r}", f"必须是不小于 0 的数，而不是 {value!r}")
        raise _Unusable(f"messages[{n}].weight", what)
    return float(value)


def _rendered(make, *arguments):
    """What the template refuses is the sample's fault; a template that marks no assistant is not."""
    try:
        return make(*arguments)
    except UsageError as error:
        if isinstance(error, MaskError):
            raise
        raise _Unusable("", error.message.rstrip(".。")) from None


def _encoded(document: Document, place: Place) -> Encoded:
    weights = np.array(document.weights, dtype=np.float32)
    weights[:1] = 0
    return Encoded(np.array(document.ids, dtype=np.int32), weights, place, tuple(document.turns))


def documents_of(sample: Sample, tokenizer, choices: Choices) -> list[Encoded] | Fault:
    """As `encode`, for the verbs that show data; a pair becomes two documents: the prompt with each of its answers, both of them trained."""
    if sample.kind != "preference":
        return encode(sample, tokenizer, choices)
    pair = encode_preference(sample, tokenizer, choices)
    if isinstance(pair, Fault):
        return pair
    prompt, *answers = pair
    return [_answered(prompt, answer, sample) for answer in answers]


def _answered(prompt: list[int], answer: list[int], sample: Sample) -> Encoded:
    ids = np.array([*prompt, *answer], np.int32)
    weights = np.zeros(len(ids), np.float32)
    weights[len(prompt) :] = 1
    return Encoded(ids, weights, sample.place, (len(ids),))
