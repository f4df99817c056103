"""How long an answer may be, and must be."""

from zhinao_contract.contract import check
from zhinao_contract.expect import at_least, at_most, equal, refused
from zhinao_contract.server import STORY, Server


def _count(server: Server, prompt: str, **fields) -> int:
    return server.chat(prompt, **fields).usage["completion_tokens"]


@check("length.max-tokens", "M", "max_tokens bounds the answer")
def max_tokens(server: Server):
    for limit in (1, 5, 20):
        at_most("usage.completion_tokens", _count(server, STORY, max_tokens=limit), limit)


@check("length.max-completion-tokens", "M", "max_completion_tokens does the same")
def max_completion_tokens(server: Server):
    answer = server.chat(STORY, max_tokens=..., max_completion_tokens=7)
    equal("usage.completion_tokens", answer.usage["completion_tokens"], 7)
    equal("finish_reason", answer.finish(), "length")


@check("length.one", "M", "max_tokens 1 gives one token, streamed too")
def one(server: Server):
    equal("usage.completion_tokens", _count(server, STORY, max_tokens=1), 1)
    stream = server.chat_stream(STORY, max_tokens=1, stream_options={"include_usage": True})
    equal("usage.completion_tokens", stream.usages[-1]["completion_tokens"], 1)
    equal("finish_reason", stream.finishes(), ["length"])


@check("length.negative", "M", "a negative max_tokens is a 400 that names it")
def negative(server: Server):
    refused(server.try_chat(max_tokens=-5), 400, 422, naming=("max_tokens", "max_completion_tokens"))


@check("length.fraction", "S", "max_tokens 2.5 is a 400")
def fraction(server: Server):
    refused(server.try_chat(max_tokens=2.5), 400, 422, naming=("max_tokens",))


@check("length.ignore-eos", "S", "ignore_eos gives exactly max_tokens")
def ignore_eos(server: Server):
    equal("usage.completion_tokens", _count(server, "Say hi.", max_tokens=150, ignore_eos=True), 150)


@check("length.min-tokens", "S", "min_tokens keeps the answer from ending early")
def min_tokens(server: Server):
    at_least("usage.completion_tokens", _count(server, "Say hi.", min_tokens=60, max_tokens=80), 60)


@check("length.min-over-max", "S", "min_tokens above max_tokens is a 400")
def min_over_max(server: Server):
    refused(server.try_chat(min_tokens=20, max_tokens=10), 400, 422, naming=("min_tokens",))


@check("length.completions", "M", "max_tokens is exact in completions")
def completions(server: Server):
    equal("usage.completion_tokens", server.complete(max_tokens=9, ignore_eos=True).usage["completion_tokens"], 9)
