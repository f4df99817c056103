"""Many requests at once: each gets its own answer."""

import time

from zhinao_contract.abilities import forcing, unwrap
from zhinao_contract.contract import check
from zhinao_contract.expect import equal, expect, one_of, short
from zhinao_contract.server import STORY, Server, together

NUM = 12


@check("concurrency.marks", "M", "answers are not crossed: each repeats its own mark")
def marks(server: Server):
    force = forcing(server)
    marks = [f"mark-{n:02d}-{n * 7919 % 1000:03d}" for n in range(NUM)]
    answers = together([lambda m=m: server.chat(f"Say {m}.", **force(m)) for m in marks])
    equal("the answers", [unwrap(a.said()) for a in answers], marks)


@check("concurrency.streams", "M", "nor are streams")
def streams(server: Server):
    force = forcing(server)
    marks = [f"mark-{n:02d}-{n * 6101 % 1000:03d}" for n in range(NUM)]
    seen = together([lambda m=m: server.chat_stream(f"Say {m}.", **force(m)) for m in marks])
    equal("the answers", [unwrap(s.text()) for s in seen], marks)
    ids = [{c["id"] for c in s.chunks} for s in seen]
    equal("ids in each stream", [len(i) for i in ids], [1] * NUM)
    equal("different ids", len(set().union(*ids)), NUM)


@check("concurrency.counts", "M", "each is told the tokens of its own prompt")
def counts(server: Server):
    lengths = [1, 30, 5, 90, 12, 60, 3, 45]
    wanted = [server.chat("fox " * n, max_tokens=1).usage["prompt_tokens"] for n in lengths]
    answers = together([lambda n=n: server.chat("fox " * n, max_tokens=6) for n in lengths])
    equal("usage.prompt_tokens", [a.usage["prompt_tokens"] for a in answers], wanted)


@check("concurrency.lengths", "M", "each is as long as it was asked to be")
def lengths(server: Server):
    wanted = [1, 17, 4, 33, 9, 25, 2, 40]
    answers = together([lambda n=n: server.chat(STORY, max_tokens=n, ignore_eos=True) for n in wanted])
    equal("usage.completion_tokens", [a.usage["completion_tokens"] for a in answers], wanted)


@check("concurrency.errors", "M", "bad requests among them disturb nobody")
def errors(server: Server):
    good = [lambda: server.chat(STORY, max_tokens=12).finish() for _ in range(5)]
    bad = [lambda: server.try_chat([]).status for _ in range(5)]
    results = together([task for pair in zip(good, bad, strict=True) for task in pair])
    for finish, status in zip(results[::2], results[1::2], strict=True):
        one_of("finish_reason", finish, ("stop", "length"))
        one_of("status", status, (400, 422))


@check("concurrency.settings", "M", "settings of one do not reach another")
def settings(server: Server):
    def plain():
        return server.chat(STORY, max_tokens=8)

    def other():
        return server.chat(STORY, max_tokens=3, temperature=2.0, stop=[" "], n=2)

    answers = together([plain, other] * 4)
    for answer in answers[::2]:
        equal("len(choices)", len(answer.choices), 1)
        equal("usage.completion_tokens", answer.usage["completion_tokens"], 8)
        expect(" " in answer.whole().strip(), f"the text is {short(answer.whole())}", f"文本为 {short(answer.whole())}")


@check("concurrency.fair", "S", "a short request is answered while a long one runs")
def fair(server: Server):
    def ask(num_tokens: int, after: float) -> float:
        time.sleep(after)
        equal("finish_reason", server.chat(STORY, max_tokens=num_tokens, ignore_eos=True).finish(), "length")
        return time.monotonic()

    long, short = together([lambda: ask(300, 0), lambda: ask(3, 0.05)])
    expect(
        short < long,
        f"3 tokens came {short - long:.1f} s after 300 that ran beside them",
        f"3 个 token 比同时运行的 300 个还晚 {short - long:.1f} 秒",
    )
