"""What the clients of `soak.py` ask, and whether an answer may be what came. Pure: opens no connection.

Every good request carries a mark of its own, and a constraint (a regular expression or a JSON schema) by which its answer
has to repeat it: an answer that went to the wrong client shows a foreign mark. Greedy answers would not tell, since they
depend on what else is in the batch.
"""

import json
import random
import re
from dataclasses import dataclass

from serve_client import Answer

MARK = re.compile("Z[0-9A-Y]{9}")  # nothing else in an answer has a capital letter or a digit beside another
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXY"
WORDS = [
    "river",
    "stone",
    "light",
    "paper",
    "cloud",
    "seven",
    "garden",
    "window",
    "small",
    "letter",
    "orange",
    "music",
    "winter",
    "bridge",
]

# What became of a request. The last group must not happen.
ANSWERED, LEFT, BUSY, RESTARTING, ENGINE_DIED, REJECTED = "answered", "left", "busy", "restarting", "engine died", "rejected"  # fmt: skip
FINE = (ANSWERED, LEFT, BUSY, RESTARTING, ENGINE_DIED, REJECTED)


@dataclass(frozen=True)
class Request:
    """`body` as sent; `mark` None for a bad request. The client leaves after `leave_at` seconds, None: it stays."""

    body: bytes
    is_stream: bool
    mark: str | None = None
    pattern: str | None = None  # of the whole answer
    leave_at: float | None = None


class Requests:
    """An endless mixture. `leaving` and `bad` are shares of all requests.

    No two requests under way have the same mark, so a foreign one is always seen. Marks and their constraints come from a
    pool of `num_marks`, since the engine keeps every grammar that it has compiled.
    """

    def __init__(
        self, model: str, num_context: int, seed: int, *, leaving: float = 0.2, bad: float = 0.05, num_marks: int = 128
    ):
        self.model, self.num_context, self.leaving, self.bad = model, num_context, leaving, bad
        self.random = random.Random(seed)
        marks = ["Z" + "".join(self.random.choices(LETTERS, k=9)) for _ in range(num_marks)]
        self._constraints = {mark: self._constraint(mark) for mark in marks}
        self._free = marks

    def next(self) -> Request:
        is_stream = self.random.random() < 0.5
        if self.random.random() < self.bad:
            return Request(self.random.choice(_BAD)(self, self._base(is_stream)), is_stream)
        mark = self._free.pop(self.random.randrange(len(self._free)))
        constraint, pattern = self._constraints[mark]
        body = {**self._base(is_stream), **constraint, "max_tokens": self.random.randint(24, 160)}
        body["temperature"] = self.random.choice((0, 0.7, 1.0))
        leave_at = self.random.uniform(0, 6) if self.random.random() < self.leaving else None
        return Request(json.dumps(body).encode(), is_stream, mark, pattern, leave_at)

    def done(self, request: Request) -> None:
        """The request has its answer; its mark may be used again."""
        if request.mark:
            self._free.append(request.mark)

    def _base(self, is_stream: bool) -> dict:
        text = " ".join(self.random.choices(WORDS, k=int(self.random.lognormvariate(4, 1)) % 700 + 1))
        body = {"model": self.model, "messages": [{"role": "user", "content": f"{text}. Go on with words."}]}
        return body | ({"stream": True, "stream_options": {"include_usage": True}} if is_stream else {})

    def _constraint(self, mark: str) -> tuple[dict, str]:
        num_words = self.random.randint(1, 30)
        pattern = f"{mark}( [a-z]{{1,9}}){{{num_words}}}"
        kind = self.random.randrange(3)
        if kind == 0:
            return {"structured_outputs": {"regex": pattern}}, pattern
        if kind == 1:
            return {"guided_regex": pattern}, pattern
        schema = {
            "type": "object",
            "properties": {"mark": {"enum": [mark]}, "is_good": {"type": "boolean"}},
            "required": ["mark", "is_good"],
            "additionalProperties": False,
        }
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        return {"response_format": form}, rf'\s*{{\s*"mark"\s*:\s*"{mark}"\s*,\s*"is_good"\s*:\s*(true|false)\s*}}\s*'


def _without_end(requests: Requests, body: dict) -> bytes:
    return json.dumps(body).encode()[:-7]


def _too_long(requests: Requests, body: dict) -> bytes:
    text = "word " * (2 * requests.num_context)
    return json.dumps({**body, "messages": [{"role": "user", "content": text}]}).encode()


def _with(**fields):
    return lambda requests, body: json.dumps({**body, **fields}).encode()


_BAD = (
    _without_end,
    _too_long,
    _with(messages=[]),
    _with(messages="hello"),
    _with(messages=[{"role": "wizard", "content": "hello"}]),
    _with(model="no-such-model"),
    _with(temperature=9000),
    _with(max_tokens=0),
    _with(n=0),
    _with(guided_regex="(["),
    _with(response_format={"type": "json_schema"}),
    _with(logit_bias={"5": 1}),
)


def judge(request: Request, answer: Answer) -> tuple[str, str]:
    """What became of it, and for what must not happen a few words about what came."""
    if answer.failure == "timeout":
        silence = answer.ended - (answer.arrivals[-1][0] if answer.arrivals else answer.sent)
        return "hang", f"{len(answer.raw)} bytes after {answer.ended - answer.sent:.0f} s, silent for {silence:.0f} s"
    if foreign := foreign_marks(request, answer.raw.decode(errors="replace")):
        return "crossed", f"{request.mark} got {foreign}"
    if answer.failure == "left":
        return LEFT, ""
    if answer.failure:
        return answer.failure, repr(answer.raw[-300:])
    if answer.status != 200:
        return _refused(request, answer)
    if request.mark is None:
        return "bad request accepted", repr(request.body[:300])
    return _streamed(request, answer) if request.is_stream else _whole(request, answer)


def foreign_marks(request: Request, text: str) -> set[str]:
    """Marks of others in what came. A stream's pieces are put together first."""
    deltas = "".join(json.loads(f'"{part}"') for part in re.findall(r'"content":\s*"((?:[^"\\]|\\.)*)"', text))
    return set(MARK.findall(deltas)) - {request.mark}


def _refused(request: Request, answer: Answer) -> tuple[str, str]:
    try:
        error = answer.json()["error"]
        is_formed = {"message", "type", "param", "code"} <= error.keys()
    except (ValueError, KeyError, AttributeError, TypeError):
        is_formed = False
    if not is_formed:
        return "error of another form", repr(answer.raw[:400])
    if answer.status == 429:
        return BUSY, ""
    if answer.status == 503:
        return (ENGINE_DIED if error["code"] == "engine_error" else RESTARTING), ""
    if request.mark is None and 400 <= answer.status < 500:
        return REJECTED, ""
    return f"status {answer.status}", f"{error['message'][:200]} ← {request.body[:300]!r}"


def _streamed(request: Request, answer: Answer) -> tuple[str, str]:
    events = [data for _, data in answer.events()]
    chunks = [json.loads(data) for data in events if data != "[DONE]"]
    if any("error" in chunk for chunk in chunks):
        return ENGINE_DIED, ""
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    finish = next((choice["finish_reason"] for choice in choices if choice.get("finish_reason")), None)
    has_usage = any(chunk.get("usage") for chunk in chunks)
    if not finish or not has_usage or events[-1] != "[DONE]":
        return "stream without its end", repr(events[-3:])
    return _checked(request, "".join(choice["delta"].get("content") or "" for choice in choices), finish)


def _whole(request: Request, answer: Answer) -> tuple[str, str]:
    choice = answer.json()["choices"][0]
    return _checked(request, choice["message"]["content"] or "", choice["finish_reason"])


def _checked(request: Request, content: str, finish: str) -> tuple[str, str]:
    is_good = re.fullmatch(request.pattern, content) if finish == "stop" else finish == "length"
    if is_good:
        return ANSWERED, ""
    return "constraint broken", f"{finish}: {content!r} instead of {request.pattern}"
