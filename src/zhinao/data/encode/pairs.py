"""Preference pairs as token ids: our renderer, our end tokens, nothing cut. Encodes; keeps nothing (`prefer_store.py`)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from zhinao.data import holdout
from zhinao.data.encode.choices import How
from zhinao.data.encode.encoding import encode_preference, is_left_out
from zhinao.data.encode.omitted import Cut, LossTable, Row
from zhinao.data.encode.overlong import Limit, nothing_left
from zhinao.data.encode.substitute import substitute
from zhinao.data.sample import DataError, Fault, Sample
from zhinao.lang import counted, tr

NUM_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """Ids, `(T,)` int32 each: the prompt as the server renders it, and the two answers with their end tokens.
    `group`: pairs of one are held out together (`holdout.py`)."""

    prompt: np.ndarray
    chosen: np.ndarray
    rejected: np.ndarray
    group: int

    @property
    def lengths(self) -> tuple[int, int]:
        """Tokens of the two documents, prompt and answer."""
        return len(self.prompt) + len(self.chosen), len(self.prompt) + len(self.rejected)


def pairs(
    items: Iterable[Sample | Fault],
    tokenizer,
    how: How,
    values: Mapping[str, str],
    limit: int,
    losses: LossTable,
    faults: list[Fault],
) -> Iterator[Pair]:
    """The pairs that can be used and fit into `limit` tokens. `losses` counts the others, `faults` keeps the first ones.

    Raises DataError for a sample that is no pair at all: the file is meant for another verb.
    """
    for item in items:
        if isinstance(item, Sample) and is_left_out(item, how):
            losses.add_rejected(item.place)
            continue
        made = item if isinstance(item, Fault) else _pair(item, values, tokenizer, how)
        if isinstance(made, Fault):
            losses.add_fault(made)
            faults += [made][: NUM_SHOWN - len(faults)]
            continue
        num_tokens, is_overlong = sum(made.lengths), max(made.lengths) > limit
        num_answered = len(made.chosen) + len(made.rejected)
        if is_overlong:
            losses.add_cut(Cut(item.place, max(made.lengths), num_tokens))
        lost = (num_tokens, num_answered) if is_overlong else (0, 0)
        losses.add(
            item.place.source,
            Row(1, 0, is_overlong, is_overlong, 0 if is_overlong else 2, num_tokens, lost[0], num_answered, lost[1]),
        )
        if not is_overlong:
            yield made


def _pair(unfilled: Sample, values: Mapping[str, str], tokenizer, how: How) -> Pair | Fault:
    sample = substitute(unfilled, values)
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
    made = encode_preference(sample, tokenizer, how)
    if isinstance(made, Fault):
        return made
    return Pair(*(np.array(ids, np.int32) for ids in made), holdout.group(unfilled))


def check(
    losses: LossTable, faults: list[Fault], limit: int, max_overlong_share: float | None, max_faulty_share: float
):
    """Raises DataError for more faults, or more pairs over the limit, than are allowed, and where nothing is left."""
    total = losses.total
    if total.num_faulty > max_faulty_share * total.num_samples:
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise DataError(
            tr(f"{counted(total.num_faulty, 'item')} cannot be used:\n{lines}", f"有 {total.num_faulty:,} 条数据无法使用：\n{lines}"),
            tr(
                f"zhinao data check {faults[0].place.source} lists all; --max_faulty_share 0.01 leaves out up to 1 %",
                f"zhinao data check {faults[0].place.source} 列出全部；--max_faulty_share 0.01 允许略过至多 1 %",
            ),
        )  # fmt: skip
    is_empty = not total.num_documents
    allowed = total.num_samples if max_overlong_share is None else max_overlong_share * total.num_samples
    if is_empty and not total.num_overlong:
        raise nothing_left(losses, Limit(limit))
    if is_empty or total.num_overlong > allowed:
        worst = "".join(f"\n  {cut.place}: {cut.num_tokens:,}" for cut in losses.worst[:5])
        raise DataError(
            tr(
                f"{total.num_overlong:,} of {counted(total.num_samples, 'pair')} {'has' if total.num_overlong == 1 else 'have'} more than {limit:,} tokens:{worst}",
                f"{total.num_samples:,} 对中有 {total.num_overlong:,} 对超过 {limit:,} 个 token：{worst}",
            ),
            tr("a larger --model_max_length", "增大 --model_max_length")
            + ("" if is_empty else tr(", or --overlong drop", "，或用 --overlong drop 丢弃")),
        )
