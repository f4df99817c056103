"""Tool calls told apart from answer text while it still arrives: a pure state machine. Knows neither ids nor templates.

A call is `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, cut anywhere. Arguments pass on as they arrive, letter for
letter. What turns out to be no call before its arguments begin goes back to the content. It does not check arguments
against a tool's schema.
"""

import json
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeGuard

from zhinao.family import TOOL_CLOSE, TOOL_OPEN

CONTENT, CALL, ARGUMENTS, END = "content", "call", "arguments", "end"
_TEXT, _HEAD, _BODY, _REST, _CLOSING = "text", "head", "body", "rest", "closing"

# The usual beginning; everything else (other order, arguments as a string) waits for the end of the object.
_USUAL = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\{)', re.DOTALL)
_SPACE = " \t\r\n"


@dataclass(frozen=True)
class ToolPiece:
    """`content` text; a `call` with `id` and `name`; its `arguments` as JSON text in pieces; its `end`.

    `raw` is the text that it was made of: joined over all pieces, they are the answer. A piece may have nothing but `raw`.
    """

    kind: str
    text: str = ""
    raw: str = ""
    index: int = 0
    id: str = ""
    name: str = ""

    def delta(self) -> dict | None:
        """The `delta` of a streamed chunk in OpenAI's form; None where there is nothing to tell."""
        if self.kind == CONTENT:
            return {"content": self.text} if self.text else None
        if self.kind == CALL:
            function = {"name": self.name, "arguments": ""}
            return {"tool_calls": [{"index": self.index, "id": self.id, "type": "function", "function": function}]}
        if self.kind == ARGUMENTS and self.text:
            return {"tool_calls": [{"index": self.index, "function": {"arguments": self.text}}]}
        return None


class ToolCallSplitter:
    """Feed it fragments of the answer, then `finish` it once.

    `names`: the tools that exist; a call of another one is content (None: any name). `is_bare`: the answer is a call
    without tags, as a grammar makes it. `is_form`: the answer is a call or in a form, whose texts may hold what looks like
    one: it is looked for at the beginning only. `most`: what follows so many calls is passed over. White space around a call is the
    frame's and not content.
    """

    def __init__(
        self,
        names: Collection[str] | None = None,
        is_bare: bool = False,
        most: int | None = None,
        is_form: bool = False,
    ):
        self._most, self._is_form = most, is_form
        self.num_calls = self.num_ended = 0
        self._names = names
        self._begins_otherwise = False
        self._state = _HEAD if is_bare else _TEXT
        self._held = ""  # not decided yet
        self._space = ""  # content only if more content follows
        self._tag = ""  # opening tag of a call that has not begun, and the space before it
        self._tail = ""  # what follows the arguments
        self._scanner, self._num_scanned = _Scanner(), 0

    def feed(self, text: str) -> list[ToolPiece]:
        """The pieces that are certain after `text`."""
        self._held += text
        steps = {_TEXT: self._text, _HEAD: self._head, _BODY: self._body, _REST: self._rest, _CLOSING: self._closing}
        pieces: list[ToolPiece] = []
        goes_on = True
        while goes_on:
            new, goes_on = steps[self._state]()
            pieces += new
        return pieces

    def finish(self) -> list[ToolPiece]:
        """The rest. A call that has begun stays one, also where its arguments are cut."""
        pieces: list[ToolPiece] = []
        while self._state == _HEAD:  # what follows the tag may hold a call of its own
            pieces += self._give_back()[0] + self.feed("")
        if self._state != _TEXT:
            self._take_tail(len(self._held))
            return [*pieces, self._end()]
        text = self._space + self._held
        is_frame = self.num_calls and not text.strip(_SPACE)
        return pieces + ([ToolPiece(CONTENT, "" if is_frame else text, raw=text)] if text else [])

    def _text(self) -> tuple[list[ToolPiece], bool]:
        if self._most is not None and self.num_ended >= self._most:
            text, self._held = self._held, ""
            return ([ToolPiece(CONTENT, raw=text)] if text else []), False
        if self._is_form and not self.num_calls and not _may_begin(self._held, TOOL_OPEN):
            self._begins_otherwise = True
        if self._begins_otherwise:
            text, self._held = self._held, ""
            return self._content(text), False
        before, tag, after = self._held.partition(TOOL_OPEN)
        if not tag:
            size = _overlap(before, TOOL_OPEN)
            self._held = before[len(before) - size :]
            return self._content(before[: len(before) - size]), False
        pieces = self._content(before)
        self._tag, self._space, self._held = self._space + tag, "", after
        self._state, self._scanner, self._num_scanned = _HEAD, _Scanner(), 0
        return pieces, True

    def _content(self, text: str) -> list[ToolPiece]:
        text = self._space + text
        ready = text.rstrip(_SPACE)
        self._space = text[len(ready) :]
        return [ToolPiece(CONTENT, ready, raw=ready)] if ready else []

    def _head(self) -> tuple[list[ToolPiece], bool]:
        if usual := _USUAL.match(self._held):
            name = _loaded(usual[1])
            if self._is_known(name) and TOOL_OPEN not in usual[0]:
                return self._begin(name, usual[0], _BODY)
            return self._give_back()
        start = self._held.lstrip(_SPACE)
        if not start:
            return [], False
        # A second tag before the arguments: so that no text is looked at again and again, the first one was none.
        again = self._held.find(TOOL_OPEN, max(self._num_scanned - len(TOOL_OPEN), 0))
        stop = again if again >= 0 else len(self._held)
        end, broken = self._scanner.scan(self._held, self._num_scanned, stop)
        self._num_scanned = stop
        if start[0] != "{" or broken is not None or (again >= 0 and end is None):
            return self._give_back()
        if end is None:
            return [], False
        name, arguments = _whole_call(self._held[:end])
        if not self._is_known(name):
            return self._give_back()
        pieces, _ = self._begin(name, self._held[:end], _CLOSING)
        return [*pieces, ToolPiece(ARGUMENTS, arguments, index=pieces[0].index)], True

    def _is_known(self, name) -> TypeGuard[str]:
        return isinstance(name, str) and bool(name) and (self._names is None or name in self._names)

    def _begin(self, name: str, head: str, state: str) -> tuple[list[ToolPiece], bool]:
        raw = self._tag + head
        self._tag, self._tail, self._held = "", "", self._held[len(head) :]
        self._state, self._scanner = state, _Scanner()
        self.num_calls += 1
        return [ToolPiece(CALL, raw=raw, index=self.num_calls - 1, id=new_call_id(), name=name)], True

    def _give_back(self) -> tuple[list[ToolPiece], bool]:
        """It was no call: the tag is content, and what follows it is looked at again."""
        tag, self._tag, self._state = self._tag, "", _TEXT
        self._begins_otherwise = self._is_form and not self.num_calls
        return self._content(tag), True

    def _body(self) -> tuple[list[ToolPiece], bool]:
        end, broken = self._scanner.scan(self._held, 0)
        is_over = end is not None or broken is not None
        size = end or broken or 0 if is_over else len(self._held)
        text, self._held = self._held[:size], self._held[size:]
        if is_over:
            self._state = _REST
        return ([ToolPiece(ARGUMENTS, text, raw=text, index=self.num_calls - 1)] if text else []), is_over

    def _rest(self) -> tuple[list[ToolPiece], bool]:
        """The end of the call's object: further keys are passed over, a missing brace is forgiven."""
        start = self._held.lstrip(_SPACE)
        if not start:
            return [], False
        if start[0] in "},":
            end, broken = _Scanner(depth=1).scan(self._held, 0)
            size = broken if end is None else end
            if size is None:
                return [], False
            self._take_tail(size)
        self._state = _CLOSING
        return [], True

    def _closing(self) -> tuple[list[ToolPiece], bool]:
        start = self._held.lstrip(_SPACE)
        if TOOL_CLOSE.startswith(start) and start != TOOL_CLOSE:
            return [], False
        if start.startswith(TOOL_CLOSE):
            self._take_tail(len(self._held) - len(start) + len(TOOL_CLOSE))
        self._state = _TEXT
        return [self._end()], True

    def _take_tail(self, size: int) -> None:
        self._tail, self._held = self._tail + self._held[:size], self._held[size:]

    def _end(self) -> ToolPiece:
        self.num_ended += 1
        tail, self._tail = self._tail, ""
        return ToolPiece(END, raw=tail, index=self.num_calls - 1)


def parse(
    text: str, names: Collection[str] | None = None, *, is_bare: bool = False, is_cut: bool = False
) -> tuple[str, list[dict]]:
    """Content and calls (in the form of a message's `tool_calls`) of a whole answer.

    A call whose arguments are no JSON object goes back to the content, which a stream could not do any more; except for
    one that the length has cut (`is_cut`), which stays as it is.
    """
    splitter = ToolCallSplitter(names, is_bare)
    content, calls = [], []
    raw = arguments = ""
    call = ToolPiece(CALL)
    for piece in splitter.feed(text) + splitter.finish():
        if piece.kind == CONTENT:
            content.append(piece.text)
            continue
        if piece.kind == CALL:
            call, raw, arguments = piece, "", ""
        raw, arguments = raw + piece.raw, arguments + piece.text
        if piece.kind == END:
            if isinstance(_loaded(arguments), dict) or (is_cut and not piece.raw):
                function = {"name": call.name, "arguments": arguments}
                calls.append({"id": call.id, "type": "function", "function": function})
            else:
                content.append(raw)
    return "".join(content) if calls else text, calls


def new_call_id() -> str:
    return f"call_{secrets.token_hex(12)}"


def _whole_call(text: str) -> tuple[str | None, str]:
    """Name and arguments, as JSON text, of a call's object; no name where it is none."""
    call = _loaded(text)
    if not isinstance(call, dict):
        return None, ""
    arguments = call.get("arguments")
    if isinstance(arguments, str) and isinstance(_loaded(arguments), dict):
        return call.get("name"), arguments
    arguments = {} if arguments is None else arguments
    return (call.get("name") if isinstance(arguments, dict) else None), json.dumps(arguments, ensure_ascii=False)


def _loaded(text: str):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _may_begin(text: str, tag: str) -> bool:
    """Whether `text`, which may still grow, begins with `tag`, white space before it apart."""
    start = text.lstrip(_SPACE)
    return start.startswith(tag) or tag.startswith(start)


def _overlap(text: str, tag: str) -> int:
    """Length of the longest end of `text` that is a true beginning of `tag`."""
    return next((size for size in range(min(len(text), len(tag) - 1), 0, -1) if tag.startswith(text[-size:])), 0)


class _Scanner:
    """Follows brackets and strings of a JSON value, however it is cut."""

    def __init__(self, depth: int = 0):
        self._depth, self._is_string, self._is_escaped = depth, False, False

    def scan(self, text: str, start: int, stop: int | None = None) -> tuple[int | None, int | None]:
        """Where the value is over, and where a `<` stands outside of strings, which no JSON has."""
        for at in range(start, len(text) if stop is None else stop):
            char = text[at]
            if self._is_string:
                self._is_string = self._is_escaped or char != '"'
                self._is_escaped = not self._is_escaped and char == "\\"
            elif char == '"':
                self._is_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return at + 1, None
            elif char == "<":
                return None, at
        return None, None
