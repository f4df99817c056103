"""Tokens as the server sees them: `/tokenize`, `/detokenize`, and the rendered prompt."""

from zhinao_contract.abilities import token_ids
from zhinao_contract.contract import check
from zhinao_contract.expect import equal, expect, kind, refused, short, skip
from zhinao_contract.server import CHAT, STORY, Server

TEXTS = (
    "The quick brown fox.",
    "敏捷的棕色狐狸，𠮷野家。",
    "🦊👩‍👩‍👧‍👦🇨🇳",
    "  spaces\t tabs\n\n\n    lines  ",
    "<|im_start|>user <eod>",
    "nul \x00 bell \x07",
)


@check("tokens.tokenize", "S", "`POST /tokenize` gives ids and their count")
def tokenize(server: Server):
    reply = server.post("/tokenize", {"model": server.model, "prompt": "The quick brown fox."})
    equal("status", reply.status, 200)
    kind("tokens", reply.json().get("tokens"), list)
    expect(all(isinstance(t, int) for t in reply.json()["tokens"]), "tokens are not numbers", "tokens 不是数字")
    equal("count", reply.json().get("count"), len(reply.json()["tokens"]))


def _back(server: Server, text: str) -> None:
    reply = server.post("/detokenize", {"model": server.model, "tokens": token_ids(server, text)})
    equal("status of /detokenize", reply.status, 200)
    equal("the text that came back", reply.json().get("prompt"), text)


@check("tokens.round-trip", "S", "text to ids and back is the same text")
def round_trip(server: Server):
    _back(server, TEXTS[0])


@check("tokens.round-trip-chinese", "S", "also Chinese")
def round_trip_chinese(server: Server):
    _back(server, TEXTS[1])


@check("tokens.round-trip-emoji", "S", "also emoji")
def round_trip_emoji(server: Server):
    _back(server, TEXTS[2])


@check("tokens.round-trip-spaces", "S", "also runs of spaces, tabs and lines")
def round_trip_spaces(server: Server):
    _back(server, TEXTS[3])


@check(
    "tokens.round-trip-odd",
    "S",
    "also text that looks like control tokens, and control characters",
)
def round_trip_odd(server: Server):
    _back(server, TEXTS[4])
    _back(server, TEXTS[5])


@check("tokens.chat", "S", "messages to ids: as many as usage counts")
def chat(server: Server):
    body = {"model": server.model, "messages": [{"role": "user", "content": STORY}]}
    reply = server.post("/tokenize", body)
    if reply.status in (404, 405):
        skip("the server has no /tokenize", "服务器没有 /tokenize")
    equal("status", reply.status, 200)
    equal("the number of ids", len(reply.json()["tokens"]), server.chat(STORY, max_tokens=1).usage["prompt_tokens"])


@check("tokens.bad", "S", "ids that are none are a 400")
def bad(server: Server):
    token_ids(server, "a")
    for tokens in ([10**9], ["a"], [-1]):
        refused(server.post("/detokenize", {"model": server.model, "tokens": tokens}), 400, 422)


@check("tokens.missing", "S", "`/tokenize` without a text is a 400")
def missing(server: Server):
    token_ids(server, "a")
    refused(server.post("/tokenize", {"model": server.model}), 400, 422)


@check("tokens.render", "S", "the rendered prompt has as many ids as usage counts")
def render(server: Server):
    reply = server.post(f"{CHAT}/render", server.chat_body(STORY))
    equal("status", reply.status, 200)
    ids = _find_ids(reply.json())
    expect(ids, f"there are no ids: {short(reply.json())}", f"没有 id：{short(reply.json())}")
    equal("the number of ids", len(ids), server.chat(STORY, max_tokens=1).usage["prompt_tokens"])


def _find_ids(value) -> list[int] | None:
    """The first list of whole numbers in a JSON value, wherever a server puts it."""
    if isinstance(value, list) and value and all(type(item) is int for item in value):
        return value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for one in inside if (found := _find_ids(one))), None)
