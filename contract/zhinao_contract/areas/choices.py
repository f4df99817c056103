"""Several choices of one request (`n`)."""

from zhinao_contract.contract import check
from zhinao_contract.expect import at_least, equal, expect, refused, short
from zhinao_contract.server import STORY, Server

WARM = {"temperature": 1.0, "max_tokens": 12}


@check("n.count", "M", "n choices come, numbered from 0")
def count(server: Server):
    equal("the indices", sorted(c["index"] for c in server.chat(STORY, n=3, **WARM).choices), [0, 1, 2])


@check("n.differ", "M", "at temperature 1 they differ")
def differ(server: Server):
    answer = server.chat(STORY, n=3, **WARM, ignore_eos=True)
    texts = {answer.whole(i) for i in range(3)}
    at_least("the number of different texts", len(texts), 2)


@check("n.usage", "M", "completion tokens are added up, the prompt is counted once")
def usage(server: Server):
    one, three = (server.chat(STORY, n=n, **WARM, ignore_eos=True).usage for n in (1, 3))
    equal("usage.completion_tokens", three["completion_tokens"], 36)
    equal("usage.prompt_tokens", three["prompt_tokens"], one["prompt_tokens"])


@check(
    "n.stream",
    "M",
    "a stream carries all choices, each with one role and one end",
)
def stream(server: Server):
    seen = server.chat_stream(STORY, n=3, **WARM)
    equal("the indices", sorted({c["index"] for k in seen.chunks for c in k["choices"]}), [0, 1, 2])
    for index in range(3):
        equal(f"finish_reasons of choice {index}", len(seen.finishes(index)), 1)
        equal(f"the first role of choice {index}", seen.deltas(index)[0].get("role"), "assistant")
        expect(seen.whole(index), f"choice {index} is empty", f"choice {index} 为空")


@check("n.stream-usage", "S", "a stream's usage adds them up too")
def stream_usage(server: Server):
    seen = server.chat_stream(STORY, n=2, **WARM, ignore_eos=True, stream_options={"include_usage": True})
    equal("usage.completion_tokens", seen.usages[-1]["completion_tokens"], 24)


@check("n.same-greedy", "S", "at temperature 0 they are all the same")
def same_greedy(server: Server):
    reply = server.try_chat(STORY, n=2)
    if reply.status != 200:  # refusing greedy copies is as good
        refused(reply, 400, 422, naming=("n", "temperature"))
        return
    texts = [c["message"] for c in reply.json()["choices"]]
    equal("the number of choices", len(texts), 2)
    equal("the second text", texts[1].get("content"), texts[0].get("content"))


@check("n.zero", "M", "n of 0, or -1, is a 400")
def zero(server: Server):
    for n in (0, -1):
        refused(server.try_chat(n=n), 400, 422, naming=("n ", "`n`", '"n"', "'n'", ".n", "n:", " n"))


@check("n.stop", "S", "a stop ends each choice by itself")
def stop(server: Server):
    answer = server.chat(STORY, n=3, temperature=1.0, max_tokens=48, stop=[" a", " the"])
    for index in range(3):
        said = answer.whole(index)
        expect(
            " a" not in said and " the" not in said, f"choice {index}: {short(said)}", f"choice {index}：{short(said)}"
        )


@check("n.completions", "S", "two prompts and n 2 give four choices in order")
def completions(server: Server):
    answer = server.complete(["One day", "In the end"], n=2, echo=True, **WARM)
    equal("the indices", [c["index"] for c in answer.choices], [0, 1, 2, 3])
    begins = [c["text"][:7] for c in answer.choices]
    equal("the prompts", begins, ["One day", "One day", "In the ", "In the "])
