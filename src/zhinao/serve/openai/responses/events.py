"""A streamed answer of the Responses API: chunks of the chat API in, typed and numbered events out. Pure.

`ResponsesShape` is what `generation.py` takes for the shape of an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zhinao.serve.errors import ApiError
from zhinao.serve.gate.asgi import json_text
from zhinao.serve.openai.responses import object as made

REASONING, MESSAGE, CALL = "reasoning", "message", "function_call"
_PREFIXES = {REASONING: "rs", MESSAGE: "msg", CALL: "fc"}
_TEXT_EVENTS = {REASONING: "reasoning_text", MESSAGE: "output_text"}
_CODES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}


@dataclass
class _Item:
    """The output item that is being written."""

    kind: str
    id: str
    place: int
    call_id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    logprobs: list = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def part(self) -> dict:
        return (
            made.reasoning_part(self.text) if self.kind == REASONING else made.text_part(self.text, list(self.logprobs))
        )

    def item(self, status: str) -> dict:
        if self.kind == REASONING:
            return made.reasoning_item(self.id, self.text, status)
        if self.kind == MESSAGE:
            return made.message_item(self.id, self.text, list(self.logprobs), status)
        return made.call_item(self.id, self.call_id, self.name, self.text, status)


class ResponseEvents:
    """Feed it the chunks of one answer (choice 0), then `finish` it once, or `fail` it.

    The text of a thought is `reasoning_text`; there are no summaries. Where answer text turns out to have been a thought
    (`reclassified`), it stands in a message and once more in a reasoning item after it.
    """

    def __init__(self, body: Mapping):
        self._body = body
        self._chat: Mapping = {}
        self._number = 0
        self._item: _Item | None = None
        self._output: list[dict] = []
        self._finish: str | None = None
        self._measured: dict = {}

    def feed(self, chunk: Mapping) -> list[dict]:
        """Events of one `chat.completion.chunk`."""
        events = []
        if not self._chat:
            self._chat = chunk
            started = made.response(self._body, chunk, "in_progress", [])
            events = [self._event(f"response.{name}", response=started) for name in ("created", "in_progress")]
        self._measured |= made.measured(chunk)
        for choice in chunk["choices"]:
            if choice["index"] == 0:
                events += self._choice(choice)
        return events

    def finish(self) -> list[dict]:
        """The ends of item and response."""
        is_complete = made.is_complete(self._finish)
        events = [] if self._output or self._item else self._open(MESSAGE)
        events += self._close("completed" if is_complete else "incomplete")
        ended = {**made.ending(self._finish), **self._measured}
        whole = made.response(self._body, self._chat, output=self._output, **ended)
        return [*events, self._event(f"response.{whole['status']}", response=whole)]

    def fail(self, code: str, message: str) -> list[dict]:
        """What was written so far stays in the response."""
        output = self._output + ([self._item.item("incomplete")] if self._item else [])
        error = {"code": code, "message": message}
        whole = made.response(self._body, self._chat, "failed", output, error=error, **self._measured)
        return [self._event("response.failed", response=whole)]

    def _choice(self, choice: Mapping) -> list[dict]:
        delta = choice.get("delta") or {}
        events = []
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            events += self._text(REASONING, thought, [])
        if content := delta.get("content"):
            events += self._text(MESSAGE, content, (choice.get("logprobs") or {}).get("content") or [])
        for call in delta.get("tool_calls") or ():
            events += self._call(call)
        self._finish = choice.get("finish_reason") or self._finish
        return events

    def _text(self, kind: str, text: str, logprobs: list) -> list[dict]:
        events = [] if self._item and self._item.kind == kind else self._open(kind)
        item = self._item
        assert item
        item.pieces.append(text)
        item.logprobs += logprobs
        more = {"logprobs": logprobs} if kind == MESSAGE else {}
        return [*events, self._part_event(f"response.{_TEXT_EVENTS[kind]}.delta", delta=text, **more)]

    def _call(self, call: Mapping) -> list[dict]:
        function = call.get("function") or {}
        events = self._open(CALL, call_id=call["id"], name=function["name"]) if call.get("id") else []
        arguments = function.get("arguments")
        if not arguments:
            return events
        assert self._item and self._item.kind == CALL
        self._item.pieces.append(arguments)
        return [*events, self._item_event("response.function_call_arguments.delta", delta=arguments)]

    def _open(self, kind: str, **fields) -> list[dict]:
        events = self._close("completed")
        place = len(self._output)
        self._item = item = _Item(kind, made.item_id(_PREFIXES[kind], self._chat["id"], place), place, **fields)
        empty = item.item("in_progress") | ({} if kind == CALL else {"content": []})
        events.append(self._event("response.output_item.added", output_index=place, item=empty))
        if kind != CALL:
            events.append(self._part_event("response.content_part.added", part=item.part()))
        return events

    def _close(self, status: str) -> list[dict]:
        item = self._item
        if item is None:
            return []
        if item.kind == CALL:
            events = [self._item_event("response.function_call_arguments.done", name=item.name, arguments=item.text)]
        else:
            more = {"logprobs": item.logprobs} if item.kind == MESSAGE else {}
            events = [
                self._part_event(f"response.{_TEXT_EVENTS[item.kind]}.done", text=item.text, **more),
                self._part_event("response.content_part.done", part=item.part()),
            ]
        done = item.item(status)
        self._output.append(done)
        self._item = None
        return [*events, self._event("response.output_item.done", output_index=item.place, item=done)]

    def _part_event(self, kind: str, **fields) -> dict:
        return self._item_event(kind, content_index=0, **fields)

    def _item_event(self, kind: str, **fields) -> dict:
        assert self._item
        return self._event(kind, item_id=self._item.id, output_index=self._item.place, **fields)

    def _event(self, kind: str, **fields) -> dict:
        self._number += 1
        return {"type": kind, "sequence_number": self._number - 1, **fields}


class ResponsesShape:
    """Answers of one request in the shape of the Responses API; there is no `[DONE]` in it."""

    def __init__(self, body: Mapping):
        self._body, self._events = body, ResponseEvents(body)

    def encode(self, chunks: list[dict]) -> bytes:
        return _sse([event for chunk in chunks for event in self._events.feed(chunk)])

    def finish(self) -> bytes:
        return _sse(self._events.finish())

    def failure(self, error: ApiError) -> bytes:
        code = _CODES.get(error.status, "server_error")
        return _sse(self._events.fail(code, error.body()["error"]["message"]))

    def whole(self, answer: dict) -> dict:
        return made.from_chat(self._body, answer)


def _sse(events: list[dict]) -> bytes:
    return "".join(f"event: {e['type']}\ndata: {json_text(e)}\n\n" for e in events).encode()
