"""A streamed answer: server-sent events, kept raw and read. Judges nothing; what is odd is left for the checks to see."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from zhinao_contract.expect import fail, short
from zhinao_contract.wire import Reply


@dataclass
class Stream(Reply):
    """`times`: seconds from the request to each piece of the body."""

    times: list[float] = field(default_factory=list)

    @cached_property
    def frames(self) -> list[bytes]:
        """Events between blank lines, comments left out."""
        blocks = self.body.replace(b"\r\n", b"\n").split(b"\n\n")
        return [block for block in blocks if block.strip(b"\n") and not block.startswith(b":")]

    @cached_property
    def data(self) -> list[str]:
        """What stands after `data:` in each event."""
        found = []
        for frame in self.frames:
            lines = [line for line in frame.split(b"\n") if line.startswith(b"data:")]
            found.append(b"\n".join(line[5:].removeprefix(b" ") for line in lines).decode("utf-8", "replace"))
        return found

    @cached_property
    def chunks(self) -> list[dict]:
        """The events as JSON, without `[DONE]`. Raises Failure where one is none, or tells an error."""
        chunks = []
        for data in self.data:
            if data == "[DONE]":
                continue
            try:
                chunk = json.loads(data)
            except ValueError:
                fail(f"an event is not JSON: {short(data)}", f"某个事件不是 JSON：{short(data)}")
            if not isinstance(chunk, dict):
                fail(f"an event is not a JSON object: {short(data)}", f"某个事件不是 JSON 对象：{short(data)}")
            if isinstance(chunk.get("error"), dict) and "choices" not in chunk and "type" not in chunk:
                fail(f"the stream told an error: {short(chunk)}", f"流中返回了错误：{short(chunk)}")
            chunks.append(chunk)
        return chunks

    def parts(self, index: int = 0) -> list[dict]:
        """What the chunks hold for choice `index`, in order."""
        return [c for chunk in self.chunks for c in chunk.get("choices") or [] if c.get("index") == index]

    def deltas(self, index: int = 0) -> list[dict]:
        return [part.get("delta") or {} for part in self.parts(index)]

    def text(self, index: int = 0) -> str:
        """The answer without the thought; the text of a completion."""
        return self._split(index)[1]

    def thought(self, index: int = 0) -> str:
        return self._split(index)[0]

    def whole(self, index: int = 0) -> str:
        """Thought and answer."""
        return "".join(self._split(index))

    def _split(self, index: int) -> tuple[str, str]:
        thought, answer = "", ""
        for part in self.parts(index):
            delta = part.get("delta") or {}
            thought += delta.get("reasoning_content") or delta.get("reasoning") or ""
            # a thought that was taken for the answer at first is told again, as what it is
            answer = "" if part.get("reclassified") else answer
            answer += part.get("text") or delta.get("content") or ""
        return thought, answer

    def finishes(self, index: int = 0) -> list[str]:
        """Every finish_reason that was told; there should be one."""
        return [part["finish_reason"] for part in self.parts(index) if part.get("finish_reason")]

    @property
    def usages(self) -> list[dict]:
        return [chunk["usage"] for chunk in self.chunks if chunk.get("usage")]

    def tool_calls(self, index: int = 0) -> list[dict]:
        """The calls put together from their deltas, as a message holds them."""
        calls: dict[int, dict] = defaultdict(lambda: {"id": None, "type": None, "name": "", "arguments": ""})
        for delta in self.deltas(index):
            for piece in delta.get("tool_calls") or []:
                call, function = calls[piece.get("index", 0)], piece.get("function") or {}
                call["id"] = call["id"] or piece.get("id")
                call["type"] = call["type"] or piece.get("type")
                call["name"] += function.get("name") or ""
                call["arguments"] += function.get("arguments") or ""
        return [
            {"id": c["id"], "type": c["type"], "function": {"name": c["name"], "arguments": c["arguments"]}}
            for _, c in sorted(calls.items())
        ]
