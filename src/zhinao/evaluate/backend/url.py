"""Any OpenAI-compatible server as a backend, or several of one model that share the work. Asks with the standard library alone."""

import http.client
import itertools
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence

from zhinao.errors import EngineError, UsageError, ZhinaoError
from zhinao.evaluate.backend import pool
from zhinao.evaluate.backend.base import Ask, Backend, Output, RefusedError, Text
from zhinao.lang import tr

KEY = "ZHINAO_EVAL_API_KEY"  # else OPENAI_API_KEY
_TIMEOUT = 3600  # seconds: an answer of 32,768 tokens takes its time
_WAITS = (1, 4, 15)  # seconds before another attempt
_TEMPORARY = (408, 425, 429, 500, 502, 503, 504)
_OF_ONE_QUESTION = (400, 413, 422)  # any other refusal meets every question


class Server:
    """One address. `post` may be called by several threads."""

    def __init__(self, url: str, key: str | None = None, waits: Sequence[float] = _WAITS):
        if not url.startswith(("http://", "https://")):
            raise UsageError(tr(f"{url!r} is no address.", f"{url!r} 不是地址。"), "http://127.0.0.1:8000/v1")
        self.url = url.rstrip("/") + ("" if url.rstrip("/").endswith("/v1") else "/v1")
        self._key = key or os.environ.get(KEY) or os.environ.get("OPENAI_API_KEY")
        self._waits = waits
        self.is_gone = False

    def post(self, path: str, body: dict) -> dict:
        """The answer's JSON. RefusedError where the server refuses this request, UsageError where it refuses all, EngineError where
        it does not answer; one that did not is tried once by the next call, and is taken back when it answers."""
        return self._asked(path, json.dumps(body).encode())

    def models(self) -> list[str]:
        """Names of what it serves."""
        found = self._asked("models", None).get("data")
        return [str(one.get("id")) for one in found] if isinstance(found, list) else []

    def _asked(self, path: str, data: bytes | None) -> dict:
        why = ""
        for wait in (*(() if self.is_gone else self._waits), None):
            try:
                answer = self._once(path, data)
                self.is_gone = False
                return answer
            except urllib.error.HTTPError as error:
                why = self._said(error)
                if error.code not in _TEMPORARY:
                    raise self._refusal(error.code, why) from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                why = str(getattr(error, "reason", None) or error) or type(error).__name__
            if wait is not None:
                time.sleep(wait)
        self.is_gone = True
        raise EngineError(
            tr(f"{self.url} does not answer: {why}", f"{self.url} 没有应答：{why}"),
            tr("start it again; the same command goes on", "请重新启动它，再用同一命令继续"),
        )

    def _refusal(self, code: int, why: str) -> UsageError:
        message = tr(f"{self.url} refuses: {why}", f"{self.url} 拒绝了请求：{why}")
        if code in _OF_ONE_QUESTION:
            return RefusedError(message)
        hint = tr(f"set {KEY} to the server's key", f"请在 {KEY} 中设置服务器的密钥") if code in (401, 403) else None
        return UsageError(message, hint)

    def _once(self, path: str, data: bytes | None) -> dict:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(f"{self.url}/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            answer = json.loads(response.read())
        if not isinstance(answer, dict):
            raise ValueError("no JSON object")
        return answer

    def _said(self, error: urllib.error.HTTPError) -> str:
        text = error.read()[:2000].decode(errors="replace")
        try:
            said = json.loads(text)["error"]
            text = said["message"] if isinstance(said, dict) else str(said)
        except (ValueError, KeyError, TypeError):
            pass
        return f"HTTP {error.code}: {text.strip()[:300]}"


class UrlBackend(Backend):
    """`urls`: servers of the same model. One that does not answer any more leaves its work to the others."""

    def __init__(
        self, urls: Sequence[str], model: str | None = None, num_at_once: int = 16, waits: Sequence[float] = _WAITS
    ):
        self._servers = [Server(url, waits=waits) for url in urls]
        self.name = model or self._served()
        self.identity = {"model": self.name, "engine": "url", "precision": None}
        self._at_once = num_at_once * len(urls)
        self._turn, self._lock = itertools.count(), threading.Lock()
        self._is_tried = False

    def loglikelihoods(self, texts: Sequence[Text]) -> Iterator[tuple[int, tuple[float, ...] | ZhinaoError]]:
        if texts and not self._is_tried:
            self._try_likelihoods()
        yield from pool.each(self._scored, texts, self._at_once)

    def generate(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Output | ZhinaoError]]:
        yield from pool.each(self._answered, asks, self._at_once)

    def _try_likelihoods(self) -> None:
        """A server that gives none is told from one that refuses a single text."""
        try:
            self._scored(Text("One and two."), bool)
        except RefusedError as error:
            raise self._no_likelihoods() from error
        self._is_tried = True

    def _no_likelihoods(self) -> UsageError:
        return UsageError(
            tr(
                f"{self.name}: the server gives no likelihoods of a prompt (echo with logprobs).",
                f"{self.name}：服务器不返回提示的对数似然（echo 与 logprobs）。",
            ),
            tr("take tasks that generate, or load the model here", "请选择生成类任务，或在本机加载模型"),
        )

    def _served(self) -> str:
        names = self._servers[0].models()
        if not names:
            raise UsageError(
                tr(f"{self._servers[0].url} names no model.", f"{self._servers[0].url} 没有列出模型。"), "MODEL"
            )
        return names[0]

    def _post(self, path: str, body: dict) -> dict:
        """By whose turn it is; where that one is gone, by another."""
        for _ in self._servers:
            with self._lock:
                alive = [server for server in self._servers if not server.is_gone] or self._servers
                server = alive[next(self._turn) % len(alive)]
            try:
                return server.post(path, {"model": self.name, **body})
            except EngineError as error:
                last = error
        raise last

    def _scored(self, text: Text, _: Callable) -> tuple[float, ...]:
        answer = self._post(
            "completions", {"prompt": text.text, "max_tokens": 0, "echo": True, "logprobs": 1, "temperature": 0}
        )
        try:
            found = answer["choices"][0]["logprobs"]
            logprobs, offsets = found["token_logprobs"], found["text_offset"]
            ends = [*offsets[1:], len(text.text)]  # a token over the border belongs to what is asked
            pairs = zip(logprobs, ends, strict=True)
            return tuple(float(one) for one, end in pairs if one is not None and end > text.given)
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._no_likelihoods() from None

    def _answered(self, ask: Ask, _: Callable) -> Output:
        settings = {"temperature": 0.0, "top_p": 1.0, **ask.sampling, "max_tokens": ask.max_tokens}
        if ask.stop:
            settings["stop"] = list(ask.stop)
        if isinstance(ask.prompt, str):
            answer = self._post("completions", {"prompt": ask.prompt, **settings})
        else:
            answer = self._post("chat/completions", {"messages": [dict(one) for one in ask.prompt], **settings})
        return output_of(answer, self.name)


def output_of(answer: dict, name: str) -> Output:
    try:
        choice = answer["choices"][0]
        message = choice.get("message") or {"content": choice["text"]}
        thought = message.get("reasoning_content") or message.get("reasoning")
        num = (answer.get("usage") or {}).get("completion_tokens") or 0
        text, end = message.get("content") or "", choice.get("finish_reason") or "stop"
        return Output(text, int(num), end, thought, thought is not None and not text and end == "length")
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        raise EngineError(
            tr(f"{name}: the server's answer has no choices.", f"{name}：服务器的应答中没有 choices。")
        ) from None
