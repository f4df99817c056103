"""Thought and answer apart: both names of the field, streamed and not, budgets, and the ways a thought can be odd.

Most need a model that thinks. A `<think>` that the request itself opens shows the splitting on any model that can go on with a message.
"""

import json

from zhinao_contract.abilities import forcing, need_thinking
from zhinao_contract.contract import check
from zhinao_contract.expect import at_most, equal, expect, kind, one_of, refused, short, skip
from zhinao_contract.server import CHAT, Server

SUM = "What is 17 + 25?"
GO_ON = {"continue_final_message": True, "add_generation_prompt": False}
FIELDS = ("reasoning_content", "reasoning")


@check("thinking.separate", "M", "the thought stands in a field of its own")
def separate(server: Server):
    need_thinking(server)
    answer = server.chat(SUM, max_tokens=1024)
    expect(
        answer.thought(), f"there is no thought: {short(answer.message())}", f"没有思考过程：{short(answer.message())}"
    )
    expect(
        "think>" not in answer.said(),
        f"the answer has a tag: {short(answer.said())}",
        f"回答中有标签：{short(answer.said())}",
    )


@check(
    "thinking.both-fields",
    "C",
    "under both names, reasoning_content and reasoning",
)
def both_fields(server: Server):
    need_thinking(server)
    message = server.chat(SUM, max_tokens=64).message()
    equal("message.reasoning", message.get("reasoning"), message.get("reasoning_content"))
    kind("message.reasoning", message.get("reasoning"), str)


@check("thinking.stream", "M", "a streamed thought comes in its field, before the answer")
def stream(server: Server):
    need_thinking(server)
    seen = server.chat_stream(SUM, max_tokens=1024)
    expect(seen.thought(), "there is no thought", "没有思考过程")
    expect(
        "think>" not in seen.text(),
        f"the answer has a tag: {short(seen.text())}",
        f"回答中有标签：{short(seen.text())}",
    )
    answer = server.chat(SUM, max_tokens=1024)
    equal("the streamed thought", seen.thought(), answer.thought())


@check("thinking.stream-both", "C", "each delta has both names")
def stream_both(server: Server):
    need_thinking(server)
    for delta in server.chat_stream(SUM, max_tokens=64).deltas():
        equal("delta.reasoning", delta.get("reasoning"), delta.get("reasoning_content"))


@check("thinking.cut", "M", "a thought cut by max_tokens is not shown as the answer")
def cut(server: Server):
    need_thinking(server)
    answer = server.chat(SUM, max_tokens=8)
    expect(
        answer.thought(), f"there is no thought: {short(answer.message())}", f"没有思考过程：{short(answer.message())}"
    )
    expect(not answer.said(), f"the content is {short(answer.said())}", f"content 为 {short(answer.said())}")


@check("thinking.count", "S", "usage counts the tokens of the thought")
def count(server: Server):
    need_thinking(server)
    usage = server.chat(SUM, max_tokens=64).usage
    details = usage.get("completion_tokens_details") or {}
    kind("usage.completion_tokens_details.reasoning_tokens", details.get("reasoning_tokens"), int)
    at_most("reasoning_tokens", details["reasoning_tokens"], usage["completion_tokens"])


@check(
    "thinking.budget",
    "C",
    "thinking_budget closes the thought, and an answer follows",
)
def budget(server: Server):
    need_thinking(server)
    answer = server.chat(SUM, max_tokens=512, thinking_budget=8)
    expect(answer.said(), "there is no answer", "没有回答")
    one_of("thought_end", answer.choices[0].get("thought_end"), ("budget", "closed"))
    full = server.chat(SUM, max_tokens=512).thought()
    expect(
        len(full.split()) <= 8 or len(answer.thought()) < len(full),
        f"the thought has {len(answer.thought())} characters, without a budget {len(full)}",
        f"思考有 {len(answer.thought())} 个字符，无预算时 {len(full)} 个",
    )


@check(
    "thinking.budget-range",
    "C",
    "a thinking_budget below 0 is a 400 that names it",
)
def budget_range(server: Server):
    refused(server.try_chat(SUM, thinking_budget=-3), 400, 422, naming=("thinking_budget",))


@check("thinking.answer-now", "C", "answer_now closes the thought of a running request")
def answer_now(server: Server):
    need_thinking(server)
    body = server.chat_body(SUM, max_tokens=1024, stream=True)
    with server.streaming(CHAT, body) as (stream, pieces):
        for piece in pieces:
            stream.body += piece
            if stream.body.count(b"\n\n") == 4:
                first = json.loads(stream.body.split(b"\n\n")[0].removeprefix(b"data: "))
                said = server.post(f"{CHAT}/{first['id']}/answer_now", {}).json()
                equal("closed", said.get("closed"), True)
    ends = [part["thought_end"] for part in stream.parts() if part.get("thought_end")]
    one_of("thought_end", ends[-1] if ends else None, ("answer_now", "closed"))
    expect(stream.text(), "there is no answer", "没有回答")


@check(
    "thinking.answer-now-unknown",
    "C",
    "answer_now of a request that is not there is a 404",
)
def answer_now_unknown(server: Server):
    refused(server.post(f"{CHAT}/chatcmpl-not-there/answer_now", {}), 404)


@check("thinking.history", "S", "earlier thoughts are taken back under either name")
def history(server: Server):
    for field in FIELDS:
        old = {"role": "assistant", "content": "42", field: "17 + 25 is 42."}
        messages = [{"role": "user", "content": SUM}, old, {"role": "user", "content": "Sure?"}]
        one_of("finish_reason", server.chat(messages).finish(), ("stop", "length"))


def _opened(server: Server) -> list[dict]:
    """A conversation whose last message opens a thought. Skips where the server cannot go on with a message."""
    messages = [{"role": "user", "content": "Say hi."}, {"role": "assistant", "content": "<think>\n"}]
    if server.try_chat(messages, max_tokens=1, **GO_ON).status != 200:
        skip("the server has no continue_final_message", "服务器不支持 continue_final_message")
    return messages


@check("thinking.prefilled", "S", "text after a `<think>` in the prompt is thought")
def prefilled(server: Server):
    answer = server.chat(_opened(server), max_tokens=8, ignore_eos=True, **GO_ON)
    expect(
        answer.thought(), f"there is no thought: {short(answer.message())}", f"没有思考过程：{short(answer.message())}"
    )


@check("thinking.prefilled-stream", "S", "in a stream too")
def prefilled_stream(server: Server):
    seen = server.chat_stream(_opened(server), max_tokens=8, ignore_eos=True, **GO_ON)
    expect(
        seen.thought(),
        f"there is no thought; the text is {short(seen.text())}",
        f"没有思考过程，文本为 {short(seen.text())}",
    )


@check(
    "thinking.missing-open",
    "S",
    "a `</think>` ends that thought, and what follows is the answer",
)
def missing_open(server: Server):
    messages, text = _opened(server), "It is 42.\n</think>\nThe answer is 42."
    fields = forcing(server)(text)
    if "structured_outputs" not in fields:
        skip("the server cannot force a plain text", "服务器无法约束出纯文本")
    answer = server.chat(messages, **GO_ON, **fields)
    is_free = (
        answer.thought() and "It is 42." not in answer.thought()
    )  # the model's own; the form may have come after it
    if is_free or "It is 42." not in answer.whole():
        skip("forms begin after the thought here", "该服务器的格式约束在思考之后才生效")
    equal("the thought", answer.thought().strip(), "It is 42.")
    equal("the answer", answer.said().strip(), "The answer is 42.")
    seen = server.chat_stream(messages, **GO_ON, **fields)
    equal("the streamed thought", seen.thought().strip(), "It is 42.")
    equal("the streamed answer", seen.text().strip(), "The answer is 42.")
