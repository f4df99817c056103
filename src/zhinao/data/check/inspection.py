"""Many items looked at, in processes side by side where there are many, in the order they came in."""

import hashlib
import itertools
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zhinao.data.check import rules
from zhinao.data.check import text as check_text
from zhinao.data.check.finding import Finding
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.encoding import Encoded, documents_of, is_left_out
from zhinao.data.encode.omitted import Omitted, Row
from zhinao.data.encode.overlong import Limit, fit
from zhinao.data.sample import Fault, Place, Sample
from zhinao.data.store import workers
from zhinao.lang import tr
from zhinao.model.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Inspection:
    """`kind` is the sample's, or `fault`. `lengths`: tokens of each document that it becomes, before anything is cut.

    `num_turns`: messages. `hashes`: 64 bits each of the sample as it is, of its words without case, space and punctuation,
    and of the words before the last answer. `omitted`: what the limit takes of it; empty for a sample that fits.
    """

    place: Place
    kind: str
    findings: tuple[Finding, ...]
    lengths: tuple[int, ...] = ()
    num_supervised: int = 0
    num_turns: int = 0
    language: str = "none"
    hashes: tuple[int, int, int] | None = None
    omitted: Omitted | None = None

    @property
    def num_tokens(self) -> int:
        return sum(self.lengths)


def inspect(item: Sample | Fault, tokenizer, choices: Choices, limit: Limit | None) -> Inspection:
    """What one item is found to be. `limit`: the most tokens of one document; None: any number."""
    if isinstance(item, Fault):
        return Inspection(item.place, "fault", (Finding("unreadable", item.field, item.message),))
    findings = rules.inspect(item, tuple(tokenizer.control_tokens))
    made = documents_of(item, tokenizer, choices)
    if isinstance(made, Fault):
        findings += _why_not(item, made, findings, choices)
        made = []
    omitted = Omitted()
    longest = max((len(document.ids) for document in made), default=0)
    if limit and longest > limit.num_tokens:
        _lose(item, made, tokenizer, choices, limit, omitted)
    if omitted.total.num_overlong:  # text that loses nothing when it is cut in pieces does not count
        findings.append(Finding("overlong", "", f"{longest:,} > {limit.num_tokens:,}"))
    return Inspection(
        item.place,
        item.kind,
        tuple(findings),
        tuple(len(document.ids) for document in made),
        sum(document.num_supervised for document in made),
        len(item.messages) + len(item.chosen),
        check_text.language(_words(item)),
        _hashes(item),
        omitted,
    )


def _lose(sample: Sample, made: list[Encoded], tokenizer, choices: Choices, limit: Limit, omitted: Omitted) -> None:
    """Tell `omitted` what becomes of a sample over the limit. Pairs of answers are never cut."""
    if sample.kind != "preference":
        fit(sample, tokenizer, choices, limit, omitted)
        return
    num_tokens, num_trained = sum(len(d.ids) for d in made), sum(d.num_supervised for d in made)
    omitted.add(
        sample.place.source,
        Row(
            num_samples=1,
            num_overlong=1,
            num_dropped=1,
            num_tokens=num_tokens,
            num_lost_tokens=num_tokens,
            num_supervised=num_trained,
            num_lost_supervised=num_trained,
        ),
    )


def _why_not(sample: Sample, fault: Fault, findings: list[Finding], choices: Choices) -> list[Finding]:
    """Why a sample cannot be trained on, where no error that was found says it already."""
    if sample.label is False and choices.rejected != "learn":
        how_to = tr("--rejected drop leaves it out", "--rejected drop 可略过")
        return [Finding("left-out") if is_left_out(sample, choices) else Finding("bad-answer", fault.field, how_to)]
    if any(finding.level == "error" for finding in findings):
        return []
    if sample.kind == "chat" and not any(rules.is_learned(message) for message in sample.messages):
        return [Finding("nothing-learned")]
    return [Finding("unusable", fault.field, fault.message)]


def _words(sample: Sample) -> str:
    """What a sample teaches, as far as it tells its language."""
    learned = [rules.text_of(m) for m in (*sample.messages, *sample.chosen) if rules.is_learned(m)]
    return " ".join([*learned, sample.text, sample.completion])[:20_000]


def exact_hash(sample: Sample) -> int:
    """64 bits of the sample as it is, without its place."""
    fields = (sample.kind, sample.messages, sample.tools, sample.chosen, sample.rejected, sample.text, sample.prompt)
    return _hash(json.dumps([*fields, sample.completion, sample.label], sort_keys=True, ensure_ascii=True, default=str))


def _hashes(sample: Sample) -> tuple[int, int, int]:
    *asked, answer = _parts(sample)
    prompt = "\0".join(check_text.normalized(part) for part in asked)
    whole = f"{prompt}\0{check_text.normalized(answer)}"
    return exact_hash(sample), _hash(sample.kind + whole), _hash(prompt) if asked and prompt.strip("\0") else 0


def _parts(sample: Sample) -> list[str]:
    """The texts of a sample; the last is the answer."""
    if sample.kind == "text":
        return [sample.text]
    if sample.kind == "completion":
        return [sample.prompt, sample.completion]
    texts = [_said(message) for message in sample.messages]
    if sample.kind == "preference":
        return [*texts, "\0".join(_said(message) for message in (*sample.chosen, *sample.rejected))]
    return texts or [""]


def _said(message: dict) -> str:
    text, calls = rules.text_of(message), message.get("tool_calls")
    calls = json.dumps(calls, sort_keys=True, default=str) if calls else ""
    return f"{message.get('role')} {text} {calls}" if text.strip() or calls else ""


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


_BATCH = 64
_NUM_ALONE = 1000  # so many are looked at before it pays to start processes

_inspector: "Inspector | None" = None


class Inspector:
    """A tokenizer with what is asked of it. Made anew in each process from the model's folder."""

    def __init__(self, folder: Path, choices: Choices, limit: Limit | None):
        self.folder, self.choices, self.limit = folder, choices, limit
        self.tokenizer = Tokenizer.load(folder)

    def inspect(self, item: Sample | Fault) -> Inspection:
        return inspect(item, self.tokenizer, self.choices, self.limit)


def inspect_all(
    items: Iterable[Sample | Fault], inspector: Inspector, num_workers: int | None = None
) -> Iterator[tuple[Sample | Fault, Inspection]]:
    """Each item with its inspection. Reads only a little ahead, so that memory does not grow with the data."""
    items = iter(items)
    num_workers = num_workers or workers.num_available()
    for item in itertools.islice(items, _NUM_ALONE if num_workers > 1 else None):
        yield item, inspector.inspect(item)
    if (first := next(items, None)) is not None:
        yield from _spread(itertools.chain([first], items), inspector, num_workers)


def _spread(items: Iterator, inspector: Inspector, num_workers: int) -> Iterator[tuple[Sample | Fault, Inspection]]:
    sent: deque = deque()  # batches that are on their way; their items are wanted again beside the inspections

    def batches() -> Iterator[list]:
        while batch := list(itertools.islice(items, _BATCH)):
            sent.append(batch)
            yield batch

    arguments = (inspector.folder, inspector.choices, inspector.limit)
    for looked in workers.in_order(_inspect, batches(), num_workers, _start, arguments):
        yield from zip(sent.popleft(), looked, strict=True)


def _start(folder: Path, choices: Choices, limit: Limit | None) -> None:
    global _inspector
    _inspector = Inspector(folder, choices, limit)


def _inspect(items: list[Sample | Fault]) -> list[Inspection]:
    return [_inspector.inspect(item) for item in items]
