"""What is known of one sample once it has been looked at: tokens, findings, language, hashes. Small, so that millions fit.

Compares nothing with other samples and prints nothing.
"""

import hashlib
import json
from dataclasses import dataclass

from zhinao.data.check import rules
from zhinao.data.check import text as check_text
from zhinao.data.check.finding import Finding
from zhinao.data.encode.choices import How
from zhinao.data.encode.documents import documents
from zhinao.data.encode.encoding import Encoded, is_left_out
from zhinao.data.encode.omitted import LossTable, Row
from zhinao.data.encode.overlong import Limit, fit
from zhinao.data.sample import Fault, Place, Sample
from zhinao.lang import tr


@dataclass(frozen=True, slots=True)
class Facts:
    """`kind` is the sample's, or `fault`. `lengths`: tokens of each document that it becomes, before anything is cut.

    `num_turns`: messages. `hashes`: 64 bits each of the sample as it is, of its words without case, space and punctuation,
    and of the words before the last answer. `losses`: what the limit takes of it; empty for a sample that fits.
    """

    place: Place
    kind: str
    findings: tuple[Finding, ...]
    lengths: tuple[int, ...] = ()
    num_supervised: int = 0
    num_turns: int = 0
    language: str = "none"
    hashes: tuple[int, int, int] | None = None
    losses: LossTable | None = None

    @property
    def num_tokens(self) -> int:
        return sum(self.lengths)


def look(item: Sample | Fault, tokenizer, how: How, limit: Limit | None) -> Facts:
    """The facts of one item. `limit`: the most tokens of one document; None: any number."""
    if isinstance(item, Fault):
        return Facts(item.place, "fault", (Finding("unreadable", item.field, item.message),))
    findings = rules.inspect(item, tuple(tokenizer.control_tokens))
    made = documents(item, tokenizer, how)
    if isinstance(made, Fault):
        findings += _why_not(item, made, findings, how)
        made = []
    losses = LossTable()
    longest = max((len(document.ids) for document in made), default=0)
    if limit and longest > limit.num_tokens:
        _lose(item, made, tokenizer, how, limit, losses)
    if losses.total.num_overlong:  # text that loses nothing when it is cut in pieces does not count
        findings.append(Finding("overlong", "", f"{longest:,} > {limit.num_tokens:,}"))
    return Facts(
        item.place,
        item.kind,
        tuple(findings),
        tuple(len(document.ids) for document in made),
        sum(document.num_supervised for document in made),
        len(item.messages) + len(item.chosen),
        check_text.language(_words(item)),
        _hashes(item),
        losses,
    )


def _lose(sample: Sample, made: list[Encoded], tokenizer, how: How, limit: Limit, losses: LossTable) -> None:
    """Tell `losses` what becomes of a sample over the limit. Pairs of answers are never cut."""
    if sample.kind != "preference":
        fit(sample, tokenizer, how, limit, losses)
        return
    num_tokens, num_trained = sum(len(d.ids) for d in made), sum(d.num_supervised for d in made)
    losses.add(sample.place.source, Row(1, 0, 1, 1, 0, num_tokens, num_tokens, num_trained, num_trained))


def _why_not(sample: Sample, fault: Fault, findings: list[Finding], how: How) -> list[Finding]:
    """Why a sample cannot be trained on, where no error that was found says it already."""
    if sample.label is False and how.rejected != "learn":
        how_to = tr("--rejected drop leaves it out", "--rejected drop 可略过")
        return [Finding("left-out") if is_left_out(sample, how) else Finding("bad-answer", fault.field, how_to)]
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
