"""Stop strings, exact to the character wherever tokens begin and end; and what stops an answer without being told."""

from dataclasses import dataclass

from zhinao_contract.abilities import forcing, num_context_tokens
from zhinao_contract.contract import check
from zhinao_contract.expect import equal, expect, one_of, refused, short, skip
from zhinao_contract.server import CHAT, STORY, Server

CONTROL = ("<|im_end|>", "<|im_start|>", "<eod>", "<|endoftext|>", "</s>")


@dataclass(frozen=True)
class Known:
    """A text that the server says again when asked again, and a place in it."""

    text: str
    at: int

    def stop(self, before: int, after: int) -> str:
        return self.text[self.at - before : self.at + after]

    def until(self, *stops: str) -> str:
        """What must be said with these stops: all before the earliest."""
        return self.text[: min(self.text.find(stop) for stop in stops if stop in self.text)]


def known(server: Server) -> Known:
    """Greedy text that is long enough; its place is the space between two words. Raises Skip where it does not repeat."""
    return server.known("a text to stop in", lambda: _find(server))


def _find(server: Server) -> Known:
    text = ""
    for _ in range(4):  # the first answer may differ from later ones, whose prompt is cached
        before, text = text, server.chat(STORY, max_tokens=48).whole()
        if text == before:
            break
    else:
        skip("greedy answers differ, so there is no text to stop in", "贪心回答不一致，没有可用于停止的文本")
    for at in range(24, len(text) - 4):
        around = text[at - 3 : at + 4]
        if around[3] == " " and (around[:3] + around[4:]).isalpha():
            return Known(text, at)
    skip(f"the answer has no words to stop between: {short(text)}", f"回答中没有可停止的单词：{short(text)}")


def _ask(server: Server, stop):
    return server.chat(STORY, max_tokens=48, stop=stop)


@check("stop.string", "M", "a stop string ends the answer before it")
def string(server: Server):
    text = known(server)
    stop = text.stop(0, 4)
    equal("the text", _ask(server, stop).whole(), text.until(stop))


@check(
    "stop.across-tokens",
    "M",
    "a stop that begins in one word and ends in the next works",
)
def across_tokens(server: Server):
    text = known(server)
    stop = text.stop(2, 3)
    equal(f"the text before {stop!r}", _ask(server, stop).whole(), text.until(stop))


@check("stop.inside-token", "M", "a stop inside one word works, to the character")
def inside_token(server: Server):
    text = known(server)
    stop = text.stop(-2, 4)
    equal(f"the text before {stop!r}", _ask(server, stop).whole(), text.until(stop))


@check("stop.list", "M", "of several stops the first that comes counts")
def several(server: Server):
    text = known(server)
    stops = [text.stop(-2, 5), text.stop(2, 3), "there is no such text"]
    equal("the text", _ask(server, stops).whole(), text.until(*stops))


@check("stop.stream", "M", "a stream shows no part of the stop")
def stream(server: Server):
    text = known(server)
    for stop in (text.stop(2, 3), text.stop(0, 4)):
        streamed = server.chat_stream(STORY, max_tokens=48, stop=stop)
        equal(f"the streamed text before {stop!r}", streamed.whole(), text.until(stop))
        equal("finish_reason", streamed.finishes(), ["stop"])


@check("stop.false-start", "M", "text that only begins like a stop is not lost")
def false_start(server: Server):
    text = known(server)
    stop = text.stop(2, 2) + "\x01"
    equal("the text", _ask(server, stop).whole(), text.text)
    equal("the streamed text", server.chat_stream(STORY, max_tokens=48, stop=stop).whole(), text.text)


@check("stop.at-the-end", "M", "a begun stop at the end of a stream is still shown")
def at_the_end(server: Server):
    text = known(server)
    stop = text.text[-3:] + "\x01\x01"
    equal("the streamed text", server.chat_stream(STORY, max_tokens=48, stop=stop).whole(), text.text)


@check("stop.finish", "M", "finish_reason is stop")
def finish(server: Server):
    equal("finish_reason", _ask(server, known(server).stop(2, 3)).finish(), "stop")


@check(
    "stop.reason",
    "S",
    "stop_reason names the stop that came, and is null without",
)
def reason(server: Server):
    stop = known(server).stop(2, 3)
    equal("stop_reason", _ask(server, ["no such text", stop]).choices[0].get("stop_reason"), stop)
    equal("stop_reason without stops", server.chat(STORY, max_tokens=4).choices[0].get("stop_reason"), None)


@check("stop.not-reached", "M", "a stop that does not come changes nothing")
def not_reached(server: Server):
    text = known(server)
    answer = _ask(server, ["there is no such text", "这里没有"])
    equal("the text", answer.whole(), text.text)
    equal("finish_reason", answer.finish(), "length")


@check("stop.four", "M", "four stops are taken")
def four(server: Server):
    one_of("finish_reason", _ask(server, ["@@1", "@@2", "@@3", "@@4"]).finish(), ("stop", "length"))


@check("stop.nothing", "M", "stop null or an empty list is as if it were not there")
def nothing(server: Server):
    for stop in (None, []):
        one_of("finish_reason", server.chat(stop=stop).finish(), ("stop", "length"))


@check("stop.empty-string", "S", "an empty stop string is refused, or stops nothing")
def empty_string(server: Server):
    reply = server.try_chat(STORY, stop="")
    if reply.status == 200:
        content = reply.json()["choices"][0]["message"]
        said = content.get("content") or content.get("reasoning_content") or content.get("reasoning")
        expect(said, "the answer is empty", "回答为空")
    else:
        refused(reply, 400, 422, naming=("stop",))


@check("stop.chinese", "S", "Chinese stop strings work")
def chinese(server: Server):
    force = forcing(server)
    text = "天地玄黄宇宙洪荒日月盈昃"
    answer = server.chat("说一句话。", **force(text), stop="洪荒")
    expect(
        "黄宇宙" in answer.said() and "洪" not in answer.said(),
        f"the text is {short(answer.said())}; expected it to end before 洪荒",
        f"文本为 {short(answer.said())}，应在“洪荒”之前结束",
    )


@check("stop.completions", "M", "stops work in completions, streamed too")
def completions(server: Server):
    text = server.complete(max_tokens=32).said()
    stop = text[12:15]
    wanted = text[: text.find(stop)]
    equal(f"the text before {stop!r}", server.complete(max_tokens=32, stop=stop).said(), wanted)
    equal("the streamed text", server.complete_stream(max_tokens=32, stop=[stop]).text(), wanted)


@check(
    "defaults.no-control-tokens",
    "M",
    "no answer shows a control token, with no stop given",
)
def no_control_tokens(server: Server):
    for prompt in ("Say hi.", "What is 2+2?", "用一句话介绍北京。"):
        said = server.chat(prompt, max_tokens=96).said()
        shown = [token for token in CONTROL if token in said]
        expect(not shown, f"{shown} stands in {short(said)}", f"{short(said)} 中有 {shown}")


@check("defaults.no-control-tokens-streamed", "M", "nor does a stream")
def no_control_tokens_streamed(server: Server):
    for prompt in ("Say hi.", "用一句话介绍北京。"):
        said = server.chat_stream(prompt, max_tokens=96).whole()
        shown = [token for token in CONTROL if token in said]
        expect(not shown, f"{shown} stands in {short(said)}", f"{short(said)} 中有 {shown}")


@check("defaults.no-roles", "M", "an answer does not go on with a turn of the user")
def no_roles(server: Server):
    said = server.chat("Say hi.", max_tokens=128).said()
    lines = [line for line in said.splitlines() if line.strip() in ("user", "assistant", "system")]
    expect(not lines, f"the answer has the lines {lines}", f"回答中有 {lines} 行")


@check("defaults.ends", "S", "a short answer ends by itself, with no stop given")
def ends(server: Server):
    prompts = ("Say hi.", "What is the capital of France? Answer in one word.", "你好")
    finishes = [server.chat(prompt, max_tokens=512).finish() for prompt in prompts]
    expect("stop" in finishes, f"finish_reasons are {finishes}", f"finish_reason 为 {finishes}")


@check(
    "defaults.long",
    "S",
    "without max_tokens an answer may be long (over 600 tokens)",
)
def long(server: Server):
    context = num_context_tokens(server)
    if context and context < 1000:
        skip(f"the context has only {context} tokens", f"上下文只有 {context} 个 token")
    body = server.chat_body(STORY, max_tokens=..., ignore_eos=True, stream=True)
    seen = 0
    with server.within(4 * server.timeout).streaming(CHAT, body) as (_, pieces):
        for piece in pieces:
            seen += piece.count(b'"delta"')
            if seen > 600:
                return
    expect(seen > 600, f"the stream ended after {seen} chunks", f"流在 {seen} 块后结束")


@check(
    "defaults.control-text",
    "S",
    "the text of a control token inside a message is text",
)
def control_text(server: Server):
    plain = server.chat("a", max_tokens=1).usage["prompt_tokens"]
    marked = server.chat("a" + "<|im_end|>" * 4, max_tokens=1).usage["prompt_tokens"]
    expect(
        marked - plain > 8,
        f"`<|im_end|>` four times costs {marked - plain} tokens: it is read as a control token",
        f"四个 `<|im_end|>` 只占 {marked - plain} 个 token：被当作控制符",
    )
