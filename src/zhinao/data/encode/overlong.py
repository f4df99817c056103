"""Samples with more tokens than a row holds: what becomes of them, by policy. Says what is lost (`omitted.py`).

A cut end is never trained as an end: conversations are cut between turns only, and of a text that is split only the last
piece has the end token.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from zhinao.data.encode.choices import OVERLONG, Choices
from zhinao.data.encode.dialogue import has_thoughts
from zhinao.data.encode.encoding import Encoded, encode, is_left_out
from zhinao.data.encode.omitted import Cut, Omitted, Row
from zhinao.data.sample import DataError, Fault, Sample
from zhinao.errors import UsageError
from zhinao.lang import counted, tr


@dataclass(frozen=True, slots=True)
class Limit:
    """The most tokens of a document, and what happens to samples that have more.

    drop: nothing of them is trained. error: the same, and the run does not start where there are too many (see
    `Omitted.check`); plain text is split, which loses nothing. split: a conversation becomes several, each of as many whole
    turns as fit, each with the system message; a turn that alone is too long is lost; text becomes pieces; a prompt with
    its completion cannot be split and is dropped. left: the oldest turns, the beginning of the text or of the prompt goes.
    Where only the last turn is trained, `split` does what `left` does. Raises UsageError for an unknown policy.
    """

    num_tokens: int
    policy: str = "error"

    def __post_init__(self):
        if self.policy not in OVERLONG:
            raise UsageError(
                tr(f"overlong: {self.policy!r} is unknown.", f"overlong：未知的 {self.policy!r}。"),
                tr(f"one of {', '.join(OVERLONG)}", f"可用：{'、'.join(OVERLONG)}"),
            )
        if self.num_tokens < 2:
            raise UsageError(tr("model_max_length must be 2 or more.", "model_max_length 至少为 2。"))


def fit(sample: Sample, tokenizer, choices: Choices, limit: Limit, omitted: Omitted) -> list[Encoded] | Fault:
    """The documents of a sample, none longer than the limit, maybe none at all; `omitted` is told. Raises as `encode`."""
    if is_left_out(sample, choices):
        omitted.add_rejected(sample.place)
        return []
    whole, source = encode(sample, tokenizer, choices), sample.place.source
    if isinstance(whole, Fault):
        return omitted.add_fault(whole)
    kept = whole
    before, before_trained = _counts(whole)
    is_too_long = any(len(document.ids) > limit.num_tokens for document in whole)
    if is_too_long:
        kept = _fitted(sample, whole, tokenizer, choices, limit)
    is_overlong = is_too_long and not _is_whole_in_pieces(sample, limit)
    tokens, trained = _counts(kept)
    num_lost = max(0, before - tokens)
    if is_overlong:
        omitted.add_cut(Cut(sample.place, before, num_lost))
    row = Row(
        num_samples=1,
        num_overlong=is_overlong,
        num_dropped=not kept,
        num_documents=len(kept),
        num_tokens=before,
        num_lost_tokens=num_lost,
        num_supervised=before_trained,
        num_lost_supervised=max(0, before_trained - trained),
    )
    omitted.add(source, row)
    return kept


def _fitted(sample: Sample, whole: list[Encoded], tokenizer, choices: Choices, limit: Limit) -> list[Encoded]:
    size, policy = limit.num_tokens, limit.policy
    if _is_whole_in_pieces(sample, limit):
        return _pieces(whole[0], size)
    if sample.kind in ("text", "completion") and policy == "left":
        return _tail(whole[0], size, sample.kind)
    if sample.kind != "chat" or policy in ("error", "drop"):
        return []
    head, turns = _turns(sample.messages)

    def fitting(first: int, last: int) -> list[Encoded] | None:
        """The documents of some turns; None where one is too long."""
        part = replace(sample, messages=[*head, *(message for turn in turns[first:last] for message in turn)])
        made = encode(part, tokenizer, choices)
        made = [] if isinstance(made, Fault) else made  # nothing in these turns is trained
        return None if any(len(document.ids) > size for document in made) else made

    is_last_only = choices.train_on == "last" or (choices.thoughts == "last" and has_thoughts(sample.messages))
    if policy == "left" or is_last_only:
        num = len(turns)
        return _most(lambda n: fitting(num - n, num), num)[1]
    return _parts(fitting, len(turns))


def _is_whole_in_pieces(sample: Sample, limit: Limit) -> bool:
    return sample.kind == "text" and limit.policy in ("error", "split")


def _parts(fitting: Callable, num_turns: int) -> list[Encoded]:
    """All turns in as few parts as possible, without those that are too long by themselves."""
    result, first = [], 0
    while first < num_turns:
        num, documents = _most(lambda n, first=first: fitting(first, first + n), num_turns - first)
        result += documents
        first += max(num, 1)
    return result


def _most(documents_of: Callable[[int], list[Encoded] | None], largest: int) -> tuple[int, list[Encoded]]:
    """The largest number of turns that fits, found by doubling and halving, and its documents."""
    fits, best, too_many, step = 0, [], largest + 1, 1
    while fits + 1 < too_many:
        number = min(fits + step, too_many - 1)
        documents = documents_of(number)
        if documents is None:
            too_many, step = number, max(1, (number - fits) // 2)
        else:
            fits, best, step = number, documents, step * 2
    return fits, best


def _turns(messages: list[dict]) -> tuple[list[dict], list[list[dict]]]:
    """The system messages at the beginning, and the turns: from a question to the last answer before the next one."""
    first = next((n for n, m in enumerate(messages) if m["role"] not in ("system", "developer")), len(messages))
    turns: list[list[dict]] = []
    is_answered = True
    for message in messages[first:]:
        if not turns or (message["role"] == "user" and is_answered):
            turns.append([])
            is_answered = False
        turns[-1].append(message)
        is_answered = is_answered or message["role"] == "assistant"
    return messages[:first], turns


def _pieces(document: Encoded, size: int) -> list[Encoded]:
    """Each piece begins with the last token of the one before, so that every token is predicted once."""
    starts = range(0, len(document.ids) - 1, size - 1)
    return [_piece(document, start, start + size) for start in starts]


def _tail(document: Encoded, size: int, kind: str) -> list[Encoded]:
    """The last tokens; of a completion, nothing where its own beginning would be cut."""
    tail = _piece(document, len(document.ids) - size, len(document.ids))
    return [tail] if kind == "text" or tail.num_supervised == document.num_supervised else []


def _piece(document: Encoded, start: int, end: int) -> Encoded:
    weights = document.weights[start:end].copy()
    weights[0] = 0
    return Encoded(document.ids[start:end], weights, document.place)


def _counts(documents: list[Encoded]) -> tuple[int, int]:
    return sum(len(d.ids) for d in documents), int(sum(np.count_nonzero(d.weights) for d in documents))


def nothing_left(omitted: Omitted, limit: Limit) -> DataError:
    """Where no document came of any sample: why, and what would help. The policy that was chosen is not among it."""
    total = omitted.total
    what = tr("Nothing is left to train", "没有剩下任何可训练的数据")
    if total.num_overlong:
        num, size = f"{total.num_overlong:,}", f"{limit.num_tokens:,}"
        why = tr(
            f"{num} of {counted(total.num_samples, 'sample')} {'is' if total.num_overlong == 1 else 'are'} too long for {size} tokens, "
            f"and --overlong {limit.policy} keeps no part of {'it' if total.num_overlong == 1 else 'them'}. The longest:",
            f"{total.num_samples:,} 条样本中有 {num} 条超过 {size} 个 token，--overlong {limit.policy} 没有保留其中任何部分。最长的有：",
        )
        worst = "".join(f"\n  {cut.place}: {cut.num_tokens:,}" for cut in omitted.worst[:5])
        return DataError(f"{what}{tr(': ', '：')}{why}{worst}", _longer(limit))
    if total.num_rejected:
        why = tr("all that could be is marked as a bad answer", "其余都标为不好的回答")
        return DataError(f"{what}{tr(': ', '：')}{why}{tr('.', '。')}", "--rejected learn")
    return DataError(f"{what}{tr('.', '。')}")


def _longer(limit: Limit) -> str:
    """What keeps more than the policy does."""
    others = {
        "error": tr("split or left", "split、left"),
        "drop": tr("split or left", "split、left"),
        "left": "split",
    }.get(limit.policy)
    length = tr("a larger --model_max_length", "增大 --model_max_length")
    return length + (tr(f", or --overlong {others}", f"，或 --overlong {others}") if others else "")
