"""Preference pairs as token ids: our renderer, our end tokens, nothing cut. A pair is one document of three parts."""

import numpy as np

from zhinao.data.encode.choices import Choices
from zhinao.data.encode.encoding import Encoded, encode_preference, is_left_out
from zhinao.data.encode.omitted import Cut, Omitted, Row
from zhinao.data.encode.overlong import Limit
from zhinao.data.encode.overlong import nothing_left as none_left
from zhinao.data.sample import DataError, Fault, Sample
from zhinao.lang import counted, tr

CHOSEN, REJECTED = 1, -1  # weights of the two answers; the prompt's is 0


def fit(sample: Sample, tokenizer, choices: Choices, limit: Limit, omitted: Omitted) -> list[Encoded] | Fault:
    """The document of a pair, or none where prompt and one of the answers are over the limit; `omitted` is told.

    Its ids are the prompt as the server renders it, the chosen and the rejected answer, end tokens included; the weights say
    which is which. Raises DataError for a sample that is no pair at all: the file is meant for another verb.
    """
    if is_left_out(sample, choices):
        omitted.add_rejected(sample.place)
        return []
    made = _parts(sample, tokenizer, choices)
    if isinstance(made, Fault):
        return omitted.add_fault(made)
    prompt, chosen, rejected = map(len, made)
    longest, num_tokens = prompt + max(chosen, rejected), 2 * prompt + chosen + rejected
    is_overlong = longest > limit.num_tokens
    row = Row(num_samples=1, num_tokens=num_tokens, num_supervised=chosen + rejected)
    if is_overlong:
        row.num_overlong = row.num_dropped = 1
        row.num_lost_tokens, row.num_lost_supervised = row.num_tokens, row.num_supervised
        omitted.add_cut(Cut(sample.place, longest, num_tokens))
    else:
        row.num_documents = 2
    omitted.add(sample.place.source, row)
    return [] if is_overlong else [_joined(made, sample)]


def parted(document: Encoded) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of the prompt, the chosen and the rejected answer of a document that `fit` gave, `(T,)` int32 each."""
    chosen, rejected = (int(np.argmax(document.weights == weight)) for weight in (CHOSEN, REJECTED))
    prompt, *answers = np.split(document.ids, [chosen, rejected])
    return prompt, *answers


def _joined(parts, sample: Sample) -> Encoded:
    ids = np.concatenate([np.array(part, np.int32) for part in parts])
    weights = np.repeat(np.array([0, CHOSEN, REJECTED], np.float32), [len(part) for part in parts])
    return Encoded(ids, weights, sample.place)


def _parts(sample: Sample, tokenizer, choices: Choices) -> tuple[list[int], list[int], list[int]] | Fault:
    if sample.kind != "preference":
        raise DataError(
            tr(f"{sample.place}: no pair of answers (chosen and rejected).", f"{sample.place}：没有成对的回答（chosen 与 rejected）。"),
            tr("conversations are for `zhinao finetune`, texts for `zhinao pretrain`", "对话请用 `zhinao finetune`，纯文本请用 `zhinao pretrain`"),
        )  # fmt: skip
    if not any(message.get("role") == "user" for message in sample.messages):
        return Fault(sample.place, "prompt", tr("has no message of the user", "没有 user 消息"))
    for name in ("chosen", "rejected"):
        if any(not (message.get("content") or message.get("tool_calls")) for message in getattr(sample, name)):
            return Fault(sample.place, name, tr("is an empty answer", "回答为空"))
    return encode_preference(sample, tokenizer, choices)


def nothing_left(omitted: Omitted, limit: Limit) -> DataError:
    """Where no pair is left: why, and what would help. Nothing of a pair is ever cut."""
    return _overlong(omitted, limit, "") if omitted.total.num_overlong else none_left(omitted, limit)


def check(omitted: Omitted, limit: Limit, max_overlong_share: float | None) -> None:
    """Raises DataError where more than that share of the pairs is over the limit; None allows any."""
    total = omitted.total
    if max_overlong_share is not None and total.num_overlong > max_overlong_share * total.num_samples:
        raise _overlong(omitted, limit, tr(", or --overlong drop", "，或用 --overlong drop 丢弃"))


def _overlong(omitted: Omitted, limit: Limit, or_else: str) -> DataError:
    total, size = omitted.total, limit.num_tokens
    worst = "".join(f"\n  {cut.place}: {cut.num_tokens:,}" for cut in omitted.worst[:5])
    return DataError(
        tr(
            f"{total.num_overlong:,} of {counted(total.num_samples, 'pair')} {'has' if total.num_overlong == 1 else 'have'} more than {size:,} tokens:{worst}",
            f"{total.num_samples:,} 对中有 {total.num_overlong:,} 对超过 {size:,} 个 token：{worst}",
        ),
        tr("a larger --model_max_length", "增大 --model_max_length") + or_else,
    )
