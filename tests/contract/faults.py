"""Ways of being broken: what a faulty server does with a request, its answer or its stream. `CAUGHT` says which checks must see it."""

import json
import re
import time
from collections.abc import Callable, Iterable


def _parts(chunks: list[dict]) -> list[dict]:
    return [part for chunk in chunks for part in chunk["choices"]]


def _each(change: Callable[[dict], None]) -> Callable:
    def apply(chunks):
        for chunk in chunks:
            change(chunk)
        return chunks

    return apply


def _set(name: str, value) -> Callable:
    return _each(lambda chunk: chunk.__setitem__(name, value))


def _count_up(chunks: list[dict], name: str) -> list[dict]:
    return [{**chunk, name: f"{n}"} for n, chunk in enumerate(chunks)]


def _finish_on_every(chunks):
    for part in _parts(chunks):
        part["finish_reason"] = "stop"
    return chunks


def _no_finish(chunks):
    for part in _parts(chunks):
        part["finish_reason"] = None
    return chunks


def _late_text(chunks):
    last = next(chunk for chunk in reversed(chunks) if chunk["choices"])
    return [*chunks, {**last, "choices": [{"index": 0, "delta": {"content": "!"}, "finish_reason": None}]}]


def _no_role(chunks):
    for part in _parts(chunks):
        part.get("delta", {}).pop("role", None)
    return chunks


def _role_always(chunks):
    for part in _parts(chunks):
        part.get("delta", {})["role"] = "assistant"
    return chunks


def _half_characters(chunks):
    for part in _parts(chunks):
        delta = part.get("delta", {})
        if any(ord(c) > 127 for c in delta.get("content") or ""):
            delta["content"] = "\ufffd\ufffd"
    return chunks


def _control_token(chunks):
    parts = [part for part in _parts(chunks) if part.get("delta", {}).get("content")]
    if parts:
        parts[-1]["delta"]["content"] += "<|im_end|>"
    return chunks


def _calls_without_index(chunks):
    for part in _parts(chunks):
        for call in part.get("delta", {}).get("tool_calls") or []:
            call.pop("index")
    return chunks


def _usage_always(chunks):
    for chunk in chunks:
        chunk["usage"] = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return chunks


def _message_for_delta(chunks):
    for part in _parts(chunks):
        part["message"] = part.pop("delta", {})
    return chunks


def _lost_logprobs(chunks):
    for part in _parts(chunks)[-3:]:
        part["logprobs"] = None
    return chunks


def _only_one_thought_name(chunks):
    for part in _parts(chunks):
        part.get("delta", {}).pop("reasoning", None)
    return chunks


CHUNKS: dict[str, Callable] = {
    "object": _set("object", "chat.completion"),
    "id-changes": lambda chunks: _count_up(chunks, "id"),
    "id-constant": _set("id", "same"),
    "model": _set("model", "another"),
    "created-changes": lambda chunks: _count_up(chunks, "created"),
    "no-role": _no_role,
    "role-always": _role_always,
    "no-finish": _no_finish,
    "finish-always": _finish_on_every,
    "finish-missing": _each(lambda c: [p.pop("finish_reason") for p in c["choices"] if not p["finish_reason"]]),
    "late-text": _late_text,
    "message-for-delta": _message_for_delta,
    "lost-piece": lambda chunks: chunks[:2] + chunks[3:],
    "usage-always": _usage_always,
    "usage-in-the-middle": lambda chunks: [chunks[-1], *chunks[:-1]],
    "half-characters": _half_characters,
    "control-token": _control_token,
    "calls-without-index": _calls_without_index,
    "lost-logprobs": _lost_logprobs,
    "one-thought-name": _only_one_thought_name,
}


def _encode(chunk: dict) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def _framed(chunks: list[dict]) -> list[bytes]:
    return [*(_encode(chunk) for chunk in chunks), b"data: [DONE]\n\n"]


FRAMES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "no-done": lambda frames: frames[:-1],
    "two-done": lambda frames: [*frames, frames[-1]],
    "no-space": lambda frames: [frame.replace(b"data: ", b"data:") for frame in frames],
    "no-blank-line": lambda frames: [*frames[:-1], frames[-1][:-1]],
    "not-json": lambda frames: [frames[0].replace(b"{", b"", 1), *frames[1:]],
    "all-at-once": lambda frames: [b"".join(frames)],
}


def _choice(change: Callable[[dict], None]) -> Callable:
    def apply(answer, job):
        for choice in answer["choices"]:
            change(choice)

    return apply


def _text(change: Callable[[str], str]) -> Callable:
    def apply(choice):
        if "text" in choice:
            choice["text"] = change(choice["text"])
        elif choice["message"].get("content"):
            choice["message"]["content"] = change(choice["message"]["content"])

    return _choice(apply)


def _stop_leaks(answer, job):
    for choice, made in zip(answer["choices"], job.choices, strict=True):
        if made.stop_reason and "message" in choice:
            choice["message"]["content"] += made.stop_reason
        elif made.stop_reason:
            choice["text"] += made.stop_reason


def _usage(**changes) -> Callable:
    return lambda answer, job: answer["usage"].update({k: answer["usage"][k] + v for k, v in changes.items()})


def _entries(change: Callable[[dict], None]) -> Callable:
    def apply(choice):
        for entry in (choice.get("logprobs") or {}).get("content") or []:
            change(entry)

    return _choice(apply)


def _legacy(change: Callable[[dict], None]) -> Callable:
    return _choice(lambda choice: change(choice["logprobs"]) if "tokens" in (choice.get("logprobs") or {}) else None)


def _swapped(answer, job):
    if len(answer["choices"]) > 1:
        a, b = answer["choices"][0], answer["choices"][-1]
        a["index"], b["index"] = b["index"], a["index"]


def _calls(change: Callable[[dict], None]) -> Callable:
    return _choice(lambda choice: [change(call) for call in choice.get("message", {}).get("tool_calls") or []])


ANSWERS: dict[str, Callable[[dict, object], None]] = {
    "answer-object": lambda answer, job: answer.update(object="completion"),
    "answer-id": lambda answer, job: answer.update(id="same"),
    "answer-created": lambda answer, job: answer.update(created=0.5),
    "answer-model": lambda answer, job: answer.update(model="another"),
    "answer-usage-sum": _usage(total_tokens=1),
    "answer-usage-off": _usage(completion_tokens=-1, total_tokens=-1),
    "answer-usage-prompt": lambda answer, job: answer["usage"].update(prompt_tokens=7, total_tokens=7 + answer["usage"]["completion_tokens"]),
    "answer-finish": _choice(lambda choice: choice.update(finish_reason="eos")),
    "answer-no-stop-reason": _choice(lambda choice: choice.pop("stop_reason")),
    "answer-role": _choice(lambda choice: choice.get("message", {}).update(role="bot")),
    "answer-delta": _choice(lambda choice: choice.update(delta={})),
    "answer-one-choice": lambda answer, job: answer.update(choices=answer["choices"][:1]),
    "answer-swapped": _swapped,
    "answer-control-token": _text(lambda text: text + "<|im_end|>"),
    "answer-next-turn": _text(lambda text: text + "\nuser\nand then?"),
    "answer-half-character": _text(lambda text: re.sub(r"[^\x00-\x7f]", "\ufffd", text)),
    "answer-stop-leaks": _stop_leaks,
    "answer-stop-shortens": lambda answer, job: job.choices[0].stop_reason and _text(lambda text: text[:-1])(answer, job),
    "answer-not-json": _text(lambda text: text.replace("}", "")),
    "answer-thought-in-text": _choice(lambda c: c.get("message", {}).update(content="<think>" + (c["message"].pop("reasoning", "") or "") if c["message"].get("reasoning") else c["message"].get("content"), reasoning_content=None) if "message" in c else None),
    "answer-one-thought-name": _choice(lambda c: c.get("message", {}).pop("reasoning", None)),
    "answer-positive-logprobs": _entries(lambda entry: entry.update(logprob=0.5)),
    "answer-odd-tokens": _entries(lambda entry: entry.update(token="x", bytes=None)),
    "answer-wrong-bytes": _entries(lambda entry: entry.update(bytes=[120])),
    "answer-few-logprobs": _choice(lambda c: (c.get("logprobs") or {}).get("content") and c["logprobs"]["content"].pop()),
    "answer-rising-tops": _entries(lambda entry: entry["top_logprobs"].reverse()),
    "answer-legacy-short": _legacy(lambda logprobs: logprobs["tokens"].pop()),
    "answer-legacy-shifted": _legacy(lambda logprobs: logprobs.update(token_logprobs=[*logprobs["token_logprobs"][1:], -3.0])),
    "answer-legacy-offsets": _legacy(lambda logprobs: logprobs.update(text_offset=[0] * len(logprobs["tokens"]))),
    "answer-call-object": _calls(lambda call: call["function"].update(arguments={})),
    "answer-call-no-id": _calls(lambda call: call.update(id="")),
    "answer-call-arguments": _calls(lambda call: call["function"].update(arguments='{"city": "Rome"}')),
    "answer-call-name": _calls(lambda call: call["function"].update(name="rm")),
    "answer-call-finish": _choice(lambda c: c.update(finish_reason="stop") if c["finish_reason"] == "tool_calls" else None),
    "answer-no-timings": lambda answer, job: answer.pop("timings"),
}  # fmt: skip


class Fault:
    """`name`: one of the tables' words, `drop:FIELD` for a field that is ignored, or a word that the server asks for by `is_on`."""

    def __init__(self, name: str = ""):
        self.name, self._last = name, (None, 0.0)

    def is_on(self, name: str) -> bool:
        return self.name == name

    def blunt(self, path: str) -> tuple[int, object] | None:
        """The answer of a server that is broken as a whole; the list of models still works."""
        answers = {
            "empty": (200, {}),
            "crash": (500, 'Traceback: File "/x"'),
            "not-found": (404, {"detail": "no"}),
            "loading": (503, {"status": "loading"}),
        }
        return answers.get(self.name) if path != "/v1/models" or self.name in ("empty", "loading") else None

    def request(self, body):
        name = self.name.removeprefix("drop:")
        if self.name.startswith("drop:") and isinstance(body, dict):
            body = {key: value for key, value in body.items() if key not in name.split("+")}
        if self.name == "ids-lost" and isinstance(body, dict) and isinstance(body.get("prompt"), list):
            body = {**body, "prompt": body["prompt"][1:]}
        if self.name == "drop-content" and isinstance(body, dict) and len(body.get("messages") or []) > 1:
            body = {**body, "messages": body["messages"][-1:]}
        if self.name == "drop-tool-results" and isinstance(body, dict) and len(body.get("messages") or []) > 1:
            body = {**body, "messages": [m for m in body["messages"] if m.get("role") != "tool"]}
        return body

    def lenient(self, body):
        """What a server that checks nothing makes of a request: something it can answer."""
        if self.name != "lenient":
            return body
        return {"model": "fake", "messages": [{"role": "user", "content": "Say hi."}], "prompt": "Hi", "max_tokens": 3}

    def reply(self, status: int, data: bytes, kind: str) -> tuple[int, bytes, str]:
        if self.name == "error-shape" and status >= 400:
            data = b'{"detail": "no"}'
        if self.name == "error-words" and status >= 400:
            data = json.dumps({"error": {"message": "no", "type": "error", "param": None, "code": None}}).encode()
        if self.name == "error-inside" and status >= 400:
            data = data.replace(b'"message": "', b'"message": "Traceback ')
        if self.name == "error-status" and status >= 400:
            status = 500
        if self.name == "text-plain":
            kind = "text/plain; charset=latin-1"
        return status, data, kind

    def headers(self, headers: dict[str, str], handler) -> dict[str, str]:
        removed = {
            "no-allow": "Allow",
            "no-retry": "Retry-After",
            "no-challenge": "WWW-Authenticate",
            "no-ignored": "X-Zhinao-Ignored",
            "no-cache": "Cache-Control",
        }
        headers = {k: v for k, v in headers.items() if k != removed.get(self.name)}
        if self.name == "cors-star":
            headers |= {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true"}
        if self.name == "text-plain" and "event-stream" in headers["Content-Type"]:
            headers["Content-Type"] = "text/plain"
        if self.name == "closes":
            headers["Connection"] = "close"
            handler.close_connection = True
        if self.name == "never-closes":
            handler.close_connection = False
        return headers

    def answer(self, answer: dict, job) -> dict:
        if self.name == "crossed":  # what was asked just before comes instead
            (before, at), self._last = self._last, (answer, time.monotonic())
            return before if before and time.monotonic() - at < 0.03 else answer
        if change := ANSWERS.get(self.name):
            change(answer, job)
        return answer

    def stream(self, chunks: Iterable[dict]) -> Iterable[bytes]:
        if self.name not in CHUNKS and self.name not in FRAMES:
            for chunk in chunks:
                yield _encode(chunk)
            yield b"data: [DONE]\n\n"
            return
        listed = CHUNKS.get(self.name, list)(list(chunks))
        yield from FRAMES.get(self.name, list)(_framed(listed))

    def event(self, frame: bytes) -> bytes:
        """A frame of the Responses API."""
        changes = {
            "events-unnamed": (b"event: ", b"name: "),
            "events-unnumbered": (b"sequence_number", b"number"),
            "events-deltas": (b'"delta": "', b'"delta": "x'),
            "events-end": (b"response.completed", b"response.done"),
        }
        return frame.replace(*changes[self.name]) if self.name in changes else frame
