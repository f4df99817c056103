"""Seeds: the same again with the same, something else with another."""

from zhinao_contract.contract import check
from zhinao_contract.expect import at_least, equal, not_crashed
from zhinao_contract.server import STORY, Server

WARM = {"temperature": 1.0, "max_tokens": 16}


@check("seed.same", "M", "one seed gives one text")
def same(server: Server):
    first, second = (server.chat(STORY, seed=7, **WARM).whole() for _ in range(2))
    equal("the second text", second, first)


@check("seed.differ", "M", "other seeds give other texts")
def differ(server: Server):
    at_least("different texts of 4", len({server.chat(STORY, seed=n, **WARM).whole() for n in range(4)}), 2)


@check("seed.none", "M", "without a seed texts differ")
def none(server: Server):
    at_least("different texts of 4", len({server.chat(STORY, **WARM).whole() for _ in range(4)}), 2)


@check("seed.stream", "M", "a stream with a seed says the same as one piece")
def stream(server: Server):
    equal(
        "the streamed text",
        server.chat_stream(STORY, seed=7, **WARM).whole(),
        server.chat(STORY, seed=7, **WARM).whole(),
    )


@check("seed.n", "S", "one seed and n 2: two different texts, the same again")
def several(server: Server):
    runs = [server.chat(STORY, seed=7, n=2, **WARM) for _ in range(2)]
    texts = [[run.whole(i) for i in range(2)] for run in runs]
    equal("the second run", texts[1], texts[0])
    equal("different texts in one run", len(set(texts[0])), 2)


@check("seed.completions", "S", "seeds work in completions")
def completions(server: Server):
    first, second = (server.complete(seed=7, **WARM).said() for _ in range(2))
    equal("the second text", second, first)


@check("seed.bounds", "S", "seeds of 0, -1 and 2^63-1 crash nothing")
def bounds(server: Server):
    for seed in (0, -1, 2**63 - 1):
        not_crashed(server.try_chat(seed=seed, max_tokens=2))
