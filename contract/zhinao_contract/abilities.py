"""What the checks find out about a server before they can ask: how its output can be forced, whether it thinks, how long its context is."""

import json
import re
import time
from collections.abc import Callable

from zhinao_contract.expect import skip
from zhinao_contract.server import Server
from zhinao_contract.wire import Reply


def _choice(text: str) -> dict:
    return {"structured_outputs": {"choice": [text]}}


def _guided_choice(text: str) -> dict:
    return {"guided_choice": [text]}


def _regex(text: str) -> dict:
    return {"structured_outputs": {"regex": re.sub(r"([\\.^$*+?{}\[\]|()/])", r"\\\1", text)}}


def _schema(text: str) -> dict:
    schema = {
        "type": "object",
        "properties": {"text": {"type": "string", "enum": [text]}},
        "required": ["text"],
        "additionalProperties": False,
    }
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "mark", "schema": schema, "strict": True}}
    }


def forcing(server: Server) -> Callable[[str], dict]:
    """A function from a text to the request fields that make the model say it. Raises Skip where the server has no means.

    Some means wrap the text in JSON; `unwrap` takes it out again.
    """

    def find():
        for way in (_regex, _choice, _schema, _guided_choice):
            reply = server.try_chat("Say something.", **way("mark-4711"), max_tokens=40)
            if reply.status == 200 and "mark-4711" in _content(reply):
                return way
        return None

    way = server.known("forcing", find)
    if way is None:
        skip("the server cannot constrain its output to a given text", "服务器无法把输出约束为给定文本")
    return lambda text: {**way(text), "max_tokens": 40 + 2 * len(text.encode())}


def unwrap(text: str) -> str:
    """A forced text, out of its JSON where it came in some."""
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    return value["text"] if isinstance(value, dict) and "text" in value else text.strip()


def _content(reply: Reply) -> str:
    try:
        return reply.json()["choices"][0]["message"]["content"] or ""
    except (KeyError, IndexError, TypeError):
        return ""


def props(server: Server) -> dict:
    """What `GET /props` says; empty where there is none."""

    def find():
        reply = server.get("/props")
        try:
            value = json.loads(reply.body) if reply.status == 200 else {}
        except ValueError:
            value = {}
        return value if isinstance(value, dict) else {}

    return server.known("props", find)


def thinks(server: Server) -> bool:
    """The model thinks before it answers: `/props` says so, or one answer shows it."""

    def find():
        if isinstance(said := props(server).get("thinks"), bool):
            return said
        answer = server.chat("What is 17 + 25?", max_tokens=128)
        return bool(answer.thought()) or "<think>" in answer.said()

    return server.known("thinks", find)


def need_thinking(server: Server) -> None:
    if not thinks(server):
        skip("the model does not think", "该模型不带思考过程")


def num_context_tokens(server: Server) -> int | None:
    """Prompt and answer together, as the server tells it; None where it does not."""

    def find():
        if isinstance(said := props(server).get("num_context_tokens"), int):
            return said
        for card in server.get("/v1/models").json().get("data") or []:
            if card.get("id") == server.model:
                said = card.get("max_model_len") or (card.get("meta") or {}).get("n_ctx")
                return said if isinstance(said, int) else None
        return None

    return server.known("context", find)


def token_ids(server: Server, text: str) -> list[int]:
    """The ids of a text without added special tokens, by `/tokenize`. Raises Skip where there is none."""
    reply = server.post("/tokenize", {"model": server.model, "prompt": text, "add_special_tokens": False})
    if reply.status != 200 or not isinstance(reply.json().get("tokens"), list):
        skip("the server has no /tokenize for prompts", "服务器没有针对 prompt 的 /tokenize")
    return reply.json()["tokens"]


def num_running(server: Server) -> float | None:
    """Running requests by `/metrics` (vLLM's or llama.cpp's name); None where it does not tell."""
    reply = server.get("/metrics")
    found = re.findall(
        r"^\S*(?:num_requests_running|requests_processing)(?:\{[^}]*\})?\s+([\d.e+]+)", reply.text(), re.M
    )
    return sum(map(float, found)) if reply.status == 200 and found else None


def wait_until_idle(server: Server, seconds: float, num_left: int = 0) -> float:
    """Running requests by `/metrics`, when they are `num_left` or fewer, or after `seconds`."""
    until = time.monotonic() + seconds
    while (running := num_running(server) or 0) > num_left and time.monotonic() < until:
        time.sleep(0.2)
    return running
