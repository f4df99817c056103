"""The server under test, as the checks see it: requests in few words, and what was found out about it once for all checks."""

import concurrent.futures
import dataclasses
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from zhinao_contract.expect import fail, short, skip
from zhinao_contract.sse import Stream
from zhinao_contract.wire import Address, Link, Reply

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
STORY = "Write a long story about a fox and a raven."


class Answer(Reply):
    """An answer of status 200 with choices."""

    @property
    def choices(self) -> list[dict]:
        return self.json()["choices"]

    @property
    def usage(self) -> dict:
        return self.json()["usage"]

    def message(self, index: int = 0) -> dict:
        return self.choices[index]["message"]

    def said(self, index: int = 0) -> str:
        """The answer without the thought; the text of a completion."""
        choice = self.choices[index]
        return choice["text"] if "text" in choice else choice["message"].get("content") or ""

    def thought(self, index: int = 0) -> str:
        message = self.choices[index].get("message") or {}
        return message.get("reasoning_content") or message.get("reasoning") or ""

    def whole(self, index: int = 0) -> str:
        """Thought and answer."""
        return self.thought(index) + self.said(index)

    def finish(self, index: int = 0) -> str | None:
        return self.choices[index]["finish_reason"]


@dataclass(frozen=True)
class Server:
    """`deadline`: until when the running check may wait. `facts` is shared by all checks; see `abilities.py`."""

    address: Address
    key: str | None = None
    wanted_model: str | None = None
    deadline: float = 0.0
    timeout: float = 60.0
    may_provoke_429: bool = False
    facts: dict = field(default_factory=dict)

    def within(self, seconds: float) -> "Server":
        """The same server with another time limit from now on."""
        return dataclasses.replace(self, deadline=time.monotonic() + seconds)

    def known(self, name: str, find: Callable):
        """A fact that is found out when first needed."""
        if name not in self.facts:
            self.facts[name] = find()
        return self.facts[name]

    @property
    def model(self) -> str:
        return self.wanted_model or self.known("model", lambda: self.get("/v1/models").json()["data"][0]["id"])

    # requests

    def headers(self, **more: str) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", **key, **more}

    def link(self) -> Link:
        return Link(self.address, self.deadline)

    def request(self, method: str, path: str, body=None, headers: dict[str, str] | None = None) -> Reply:
        """`body`: bytes as they are, else JSON. `headers` stands in place of the usual ones."""
        with self.link() as link:
            link.send(method, path, as_bytes(body), self.headers() if headers is None else headers)
            return link.read(method)

    def get(self, path: str, **headers: str) -> Reply:
        return self.request("GET", path, headers=self.headers(**headers))

    def post(self, path: str, body) -> Reply:
        return self.request("POST", path, body)

    def chat_body(self, prompt="Say hi.", **fields) -> dict:
        """The JSON of a chat request, greedy and short unless said. A field that is `...` is left out."""
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        body = {"model": self.model, "messages": messages, "temperature": 0, "max_tokens": 16, **fields}
        return {name: value for name, value in body.items() if value is not ...}

    def completion_body(self, prompt="Once upon a time", **fields) -> dict:
        body = {"model": self.model, "prompt": prompt, "temperature": 0, "max_tokens": 16, **fields}
        return {name: value for name, value in body.items() if value is not ...}

    def try_chat(self, prompt="Say hi.", **fields) -> Reply:
        """A chat request whatever its status."""
        return self.post(CHAT, self.chat_body(prompt, **fields))

    def try_completion(self, prompt="Once upon a time", **fields) -> Reply:
        return self.post(COMPLETIONS, self.completion_body(prompt, **fields))

    def chat(self, prompt="Say hi.", **fields) -> Answer:
        """A chat request that must be answered. Raises Failure with the refusal."""
        return _answered(CHAT, self.try_chat(prompt, **fields))

    def complete(self, prompt="Once upon a time", **fields) -> Answer:
        self._needs(COMPLETIONS)
        return _answered(COMPLETIONS, self.try_completion(prompt, **fields))

    def chat_stream(self, prompt="Say hi.", **fields) -> Stream:
        return self.stream(CHAT, self.chat_body(prompt, stream=True, **fields))

    def complete_stream(self, prompt="Once upon a time", **fields) -> Stream:
        self._needs(COMPLETIONS)
        return self.stream(COMPLETIONS, self.completion_body(prompt, stream=True, **fields))

    def stream(self, path: str, body: dict) -> Stream:
        """A whole streamed answer. Raises Failure where the status is not 200."""
        with self.streaming(path, body) as (stream, pieces):
            begun, parts = time.monotonic(), []
            for piece in pieces:
                parts.append(piece)
                stream.times.append(time.monotonic() - begun)
            stream.body = b"".join(parts)
        return _answered(path, stream)

    @contextmanager
    def streaming(self, path: str, body: dict) -> Iterator[tuple[Stream, Iterator[bytes]]]:
        """A streamed answer under way: its head, and its bytes as they come. Leaving the block leaves the server."""
        with self.link() as link:
            link.send("POST", path, as_bytes(body), self.headers())
            head = link.start("POST")
            yield Stream(head.status, head.headers), link.pieces()

    def _needs(self, path: str) -> None:
        """Skip the check where the server has no such route; a check of its own tells that it is missing."""
        status = self.known(f"route {path}", lambda: self.post(path, {}).status)
        if status in (404, 405, 501):
            skip(f"the server has no {path}", f"服务器没有 {path}")

    def needs(self, path: str) -> None:
        self._needs(path)


def as_bytes(body) -> bytes | None:
    return body if body is None or isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()


def _answered(path: str, reply: Reply):
    if reply.status != 200:
        text = reply.text() if not isinstance(reply, Stream) else reply.body.decode("utf-8", "replace")
        fail(
            f"POST {path} was answered with status {reply.status}: {short(text)}",
            f"POST {path} 返回状态 {reply.status}：{short(text)}",
        )
    return reply if isinstance(reply, Stream) else Answer(reply.status, reply.headers, reply.body, reply.seconds)


def together(tasks: list[Callable]) -> list:
    """The results of tasks that run at the same time; the first exception among them is raised."""
    with concurrent.futures.ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result() for future in [pool.submit(task) for task in tasks]]


def numbers(text: str) -> set[int]:
    """The whole numbers in a text, `8,192` being one."""
    return {int(word.replace(",", "")) for word in re.findall(r"\d[\d,]*\d|\d", text)}
