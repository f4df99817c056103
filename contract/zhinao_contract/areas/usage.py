"""Counted tokens: in one piece, at the end of a stream, and that they follow the text."""

from zhinao_contract.contract import check
from zhinao_contract.expect import at_least, equal, expect, kind, one_of, refused, short
from zhinao_contract.server import CHAT, STORY, Server

ASKED = {"stream_options": {"include_usage": True}}


@check(
    "usage.include",
    "M",
    "include_usage adds one last chunk with no choices",
)
def include(server: Server):
    stream = server.chat_stream(**ASKED)
    equal("the last chunk's choices", stream.chunks[-1].get("choices"), [])
    equal("the number of chunks with usage", len([u for u in stream.usages]), 1)
    usage = stream.chunks[-1].get("usage")
    kind("usage", usage, dict)
    equal("usage.total_tokens", usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])


@check("usage.absent", "M", "a stream tells no usage unless asked")
def absent(server: Server):
    stream = server.chat_stream()
    expect(not stream.usages, f"usage came: {short(stream.usages)}", f"出现了 usage：{short(stream.usages)}")
    empty = [c for c in stream.chunks if not c.get("choices")]
    expect(not empty, f"a chunk has no choices: {short(empty)}", f"有块没有 choices：{short(empty)}")


@check(
    "usage.null-before",
    "C",
    "with include_usage the chunks before have usage null",
)
def null_before(server: Server):
    for chunk in server.chat_stream(**ASKED).chunks[:-1]:
        expect("usage" in chunk and chunk["usage"] is None, f"a chunk is {short(chunk)}", f"某块为 {short(chunk)}")


@check("usage.same", "M", "a stream counts as an answer in one piece does")
def same(server: Server):
    streamed, plain = server.chat_stream(STORY, **ASKED).usages[-1], server.chat(STORY).usage
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        equal(f"usage.{name}", streamed[name], plain[name])


@check(
    "usage.exact",
    "M",
    "completion_tokens is max_tokens where that ended the answer",
)
def exact(server: Server):
    answer = server.chat(STORY, max_tokens=12)
    one_of("finish_reason", answer.finish(), ("length",))
    equal("usage.completion_tokens", answer.usage["completion_tokens"], 12)


@check("usage.prompt-grows", "M", "a longer prompt counts more")
def prompt_grows(server: Server):
    short_one, long_one = (server.chat("fox " * n, max_tokens=1).usage["prompt_tokens"] for n in (1, 51))
    at_least("the difference for 50 words", long_one - short_one, 50)
    expect(
        long_one - short_one <= 110, f"50 words counted {long_one - short_one}", f"50 个词计为 {long_one - short_one}"
    )


@check("usage.prompt-same", "M", "the same prompt counts the same every time")
def prompt_same(server: Server):
    first, second = (server.chat(STORY, max_tokens=1).usage["prompt_tokens"] for _ in range(2))
    equal("usage.prompt_tokens the second time", second, first)


@check("usage.completions", "M", "completions count too, streamed as well")
def completions(server: Server):
    plain = server.complete(max_tokens=8).usage
    equal("usage.total_tokens", plain["total_tokens"], plain["prompt_tokens"] + plain["completion_tokens"])
    streamed = server.complete_stream(max_tokens=8, **ASKED).usages[-1]
    equal("usage.prompt_tokens", streamed["prompt_tokens"], plain["prompt_tokens"])
    equal("usage.completion_tokens", streamed["completion_tokens"], plain["completion_tokens"])


@check("usage.not-streamed", "C", "stream_options without stream is a 400")
def not_streamed(server: Server):
    refused(server.post(CHAT, server.chat_body(**ASKED)), 400, 422, naming=("stream",))


@check(
    "usage.cached",
    "C",
    "prompt_tokens_details.cached_tokens, where told, is not above prompt_tokens",
)
def cached(server: Server):
    server.chat(STORY * 8, max_tokens=1)
    usage = server.chat(STORY * 8, max_tokens=1).usage
    seen = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0) or 0
    kind("cached_tokens", seen, int)
    expect(0 <= seen <= usage["prompt_tokens"], f"cached_tokens is {seen}", f"cached_tokens 为 {seen}")
