"""Sampling settings: what is off is off, what is on shows, what is out of range is refused by name."""

from zhinao_contract.abilities import token_ids
from zhinao_contract.contract import check
from zhinao_contract.expect import equal, expect, not_crashed, one_of, refused, skip
from zhinao_contract.server import STORY, Server

LONG = {"max_tokens": 40, "ignore_eos": True}


@check("sampling.greedy", "M", "temperature 0 gives the same text every time")
def greedy(server: Server):
    texts = [server.chat(STORY, max_tokens=24).whole() for _ in range(3)]
    equal("different texts of 3", len(set(texts)), 1)


@check("sampling.temperature-range", "M", "a temperature below 0 is a 400 that names it")
def temperature_range(server: Server):
    refused(server.try_chat(temperature=-1), 400, 422, naming=("temperature",))


@check("sampling.temperature-high", "M", "temperature 2 is taken")
def temperature_high(server: Server):
    one_of("finish_reason", server.chat(temperature=2, max_tokens=4).finish(), ("stop", "length"))


@check("sampling.top-p", "M", "a tiny top_p is greedy at any temperature")
def top_p(server: Server):
    equal("the text", server.chat(STORY, temperature=1.0, top_p=1e-6).whole(), server.chat(STORY).whole())


@check("sampling.top-p-range", "M", "top_p above 1 is a 400 that names it")
def top_p_range(server: Server):
    for value in (1.5, -0.5):
        refused(server.try_chat(top_p=value, temperature=1.0), 400, 422, naming=("top_p",))


@check("sampling.top-k", "S", "top_k 1 is greedy at any temperature")
def top_k(server: Server):
    equal("the text", server.chat(STORY, temperature=1.5, top_k=1).whole(), server.chat(STORY).whole())


@check("sampling.top-k-off", "S", "top_k -1 and 0 both mean off")
def top_k_off(server: Server):
    texts = [server.chat(STORY, temperature=1.0, seed=7, top_k=value).whole() for value in (..., -1, 0)]
    equal("the text with top_k -1", texts[1], texts[0])
    equal("the text with top_k 0", texts[2], texts[0])


@check("sampling.top-k-range", "S", "top_k -5 is a 400 that names it")
def top_k_range(server: Server):
    refused(server.try_chat(top_k=-5, temperature=1.0), 400, 422, naming=("top_k",))


@check("sampling.min-p", "S", "min_p 1 is greedy at any temperature")
def min_p(server: Server):
    equal("the text", server.chat(STORY, temperature=1.0, min_p=1.0).whole(), server.chat(STORY).whole())


@check("sampling.min-p-range", "S", "min_p above 1 is a 400 that names it")
def min_p_range(server: Server):
    refused(server.try_chat(min_p=2, temperature=1.0), 400, 422, naming=("min_p",))


def _changes(server: Server, **fields) -> None:
    plain, changed = server.chat(STORY, **LONG).whole(), server.chat(STORY, **LONG, **fields).whole()
    expect(plain != changed, f"{fields} changed nothing in 40 tokens", f"{fields} 在 40 个 token 内没有任何作用")


@check("sampling.frequency-penalty", "M", "frequency_penalty shows")
def frequency_penalty(server: Server):
    _changes(server, frequency_penalty=2.0)


@check("sampling.presence-penalty", "M", "presence_penalty shows")
def presence_penalty(server: Server):
    _changes(server, presence_penalty=2.0)


@check("sampling.repetition-penalty", "S", "repetition_penalty shows")
def repetition_penalty(server: Server):
    _changes(server, repetition_penalty=1.8)


@check("sampling.repeat-penalty", "C", "repeat_penalty, its other name, does the same")
def repeat_penalty(server: Server):
    texts = [server.chat(STORY, **LONG, **{name: 1.8}).whole() for name in ("repetition_penalty", "repeat_penalty")]
    equal("the text with repeat_penalty", texts[1], texts[0])


@check(
    "sampling.penalty-range",
    "M",
    "penalties beyond -2 to 2 are a 400 that names them",
)
def penalty_range(server: Server):
    for name in ("presence_penalty", "frequency_penalty"):
        for value in (3, -3):
            refused(server.try_chat(**{name: value}), 400, 422, naming=(name,))


@check(
    "sampling.repetition-range",
    "S",
    "a repetition_penalty of 0 or below is a 400",
)
def repetition_range(server: Server):
    for value in (0, -1):
        refused(server.try_chat(repetition_penalty=value), 400, 422, naming=("repetition_penalty",))


@check("sampling.logit-bias", "S", "logit_bias works or is refused by name")
def logit_bias(server: Server):
    reply = server.try_chat(STORY, logit_bias={"5": -100})
    if reply.status != 200:
        refused(reply, 400, 422, naming=("logit_bias",))
        return
    plain = server.chat(STORY, max_tokens=1).whole()
    if not plain.strip():
        skip("the first token is a space, which cannot be looked up", "首个 token 是空白，无法查找")
    ids = {i for form in (plain, " " + plain, plain.strip()) for i in token_ids(server, form)[:1]}
    changed = server.chat(STORY, max_tokens=1, logit_bias={str(i): -100 for i in ids}).whole()
    expect(changed != plain, f"a bias of -100 left {plain!r} in place", f"-100 的偏置没有去掉 {plain!r}")


@check("sampling.odd-numbers", "S", "whole numbers where fractions are usual crash nothing")
def odd_numbers(server: Server):
    not_crashed(server.try_chat(temperature=1, top_p=1, presence_penalty=0, frequency_penalty=1))
