"""Log-probabilities of tokens: that they are there, belong to the text, and are the same however they are asked for."""

import math

from zhinao_contract.contract import check
from zhinao_contract.expect import at_most, equal, expect, kind, one_of, refused, short, skip
from zhinao_contract.server import STORY, Server

ASKED = {"logprobs": True, "max_tokens": 12}
PROMPT = "The quick brown fox jumps over the lazy dog"


def _entries(server: Server, **fields) -> list[dict]:
    """`choices[0].logprobs.content`, once it has been seen to be a list."""
    logprobs = server.chat(STORY, **{**ASKED, **fields}).choices[0].get("logprobs")
    kind("choices[0].logprobs", logprobs, dict)
    kind("logprobs.content", logprobs.get("content"), list)
    return logprobs["content"]


@check(
    "logprobs.shape",
    "M",
    "each token has `token`, `logprob`, `bytes`, `top_logprobs`",
)
def shape(server: Server):
    for entry in _entries(server):
        kind("token", entry.get("token"), str)
        kind("logprob", entry.get("logprob"), float, int)
        kind("top_logprobs", entry.get("top_logprobs"), list)
        expect("bytes" in entry, f"an entry has no bytes: {short(entry)}", f"缺少 bytes：{short(entry)}")


@check("logprobs.count", "M", "there are as many as completion_tokens")
def count(server: Server):
    answer = server.chat(STORY, **ASKED)
    equal("len(logprobs.content)", len(answer.choices[0]["logprobs"]["content"]), answer.usage["completion_tokens"])


@check("logprobs.not-positive", "M", "none is above 0")
def not_positive(server: Server):
    for entry in _entries(server):
        at_most("logprob", entry["logprob"], 1e-6)


@check("logprobs.joined", "M", "the tokens joined are the text")
def joined(server: Server):
    answer = server.chat(STORY, **ASKED)
    entries = answer.choices[0]["logprobs"]["content"]
    data = b"".join(bytes(e["bytes"]) if e.get("bytes") else e["token"].encode() for e in entries)
    equal("the joined tokens", data.decode("utf-8", "replace").strip(), answer.whole().strip())


@check("logprobs.bytes", "S", "`bytes` are the token's bytes in UTF-8")
def token_bytes(server: Server):
    for entry in _entries(server):
        if "\ufffd" not in entry["token"]:
            equal("bytes", entry["bytes"], list(entry["token"].encode()))


@check("logprobs.absent", "M", "unasked there are none")
def absent(server: Server):
    equal("choices[0].logprobs", server.chat(STORY).choices[0].get("logprobs"), None)


@check("logprobs.stream", "M", "a stream's are those of one piece, with a seed")
def stream(server: Server):
    fields = {**ASKED, "temperature": 1.0, "seed": 7}
    plain = [e["logprob"] for e in _entries(server, **fields)]
    parts = server.chat_stream(STORY, **fields).parts()
    streamed = [e["logprob"] for p in parts if p.get("logprobs") for e in p["logprobs"].get("content") or []]
    equal("the number of logprobs", len(streamed), len(plain))
    # Each, since sums of other tokens may be alike by chance.
    difference = max((abs(a - b) for a, b in zip(streamed, plain, strict=True)), default=0.0)
    expect(difference < 0.5, f"a token's differ by {difference:.3f}", f"同一 token 相差 {difference:.3f}")


@check(
    "logprobs.greedy-top",
    "S",
    "at temperature 0 the likeliest token is the one that was taken",
)
def greedy_top(server: Server):
    for entry in _entries(server, top_logprobs=1):
        kind("top_logprobs", entry["top_logprobs"], list)
        equal("top_logprobs[0].token", entry["top_logprobs"][0]["token"], entry["token"])


@check(
    "logprobs.top",
    "S",
    "top_logprobs 4 gives the 4 likeliest, falling; or is refused by name",
)
def top(server: Server):
    reply = server.try_chat(STORY, **ASKED, top_logprobs=4)
    if reply.status != 200:
        refused(reply, 400, 422, naming=("top_logprobs",))
        return
    for entry in reply.json()["choices"][0]["logprobs"]["content"]:
        values = [t["logprob"] for t in entry["top_logprobs"]]
        one_of("len(top_logprobs)", len(values), (4, 5))
        equal("top_logprobs", values, sorted(values, reverse=True))


@check("logprobs.top-range", "S", "top_logprobs 1000 is a 400 that names it")
def top_range(server: Server):
    refused(server.try_chat(**ASKED, top_logprobs=1000), 400, 422, naming=("top_logprobs", "logprobs"))


@check("logprobs.top-alone", "S", "top_logprobs without logprobs is a 400")
def top_alone(server: Server):
    refused(server.try_chat(top_logprobs=2), 400, 422, naming=("logprobs",))


@check("logprobs.temperature", "C", "they are the model's, whatever the temperature")
def temperature(server: Server):
    first = [_entries(server, temperature=t, top_k=1, max_tokens=1)[0]["logprob"] for t in (0.5, 1.0)]
    expect(
        abs(first[0] - first[1]) < 0.2,
        f"{first[0]:.3f} at 0.5, {first[1]:.3f} at 1",
        f"0.5 时 {first[0]:.3f}，1 时 {first[1]:.3f}",
    )


def _legacy(server: Server, prompt: str = PROMPT, **fields) -> tuple[dict, str]:
    """The `logprobs` of a completion, seen to be four lists of one length; and its text."""
    answer = server.complete(prompt, **{"logprobs": 1, "max_tokens": 6, **fields})
    logprobs = answer.choices[0].get("logprobs")
    kind("choices[0].logprobs", logprobs, dict)
    for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
        kind(f"logprobs.{name}", logprobs.get(name), list)
        equal(f"len(logprobs.{name})", len(logprobs[name]), len(logprobs["tokens"]))
    return logprobs, answer.said()


@check("logprobs.completions", "M", "completions: four lists of one length")
def completions(server: Server):
    logprobs, text = _legacy(server)
    equal("len(logprobs.tokens)", len(logprobs["tokens"]), 6)
    equal("the joined tokens", "".join(logprobs["tokens"]), text)
    for value in logprobs["token_logprobs"]:
        at_most("token_logprobs[]", value, 1e-6)


@check("logprobs.offsets", "S", "text_offset says where each token stands")
def offsets(server: Server):
    logprobs, text = _legacy(server, echo=True, max_tokens=4)
    for token, offset in zip(logprobs["tokens"], logprobs["text_offset"], strict=True):
        equal(f"the text at {offset}", text[offset : offset + len(token)], token)


@check(
    "logprobs.echo",
    "S",
    "with echo the prompt's tokens come first, the first without a value",
)
def echo(server: Server):
    logprobs, text = _legacy(server, echo=True, max_tokens=1)
    equal("token_logprobs[0]", logprobs["token_logprobs"][0], None)
    for value in logprobs["token_logprobs"][1:]:
        at_most("token_logprobs[]", value, 1e-6)
    equal("the joined tokens", "".join(logprobs["tokens"]), text)
    expect(text.startswith(PROMPT), f"the text is {short(text)}", f"文本为 {short(text)}")


@check("logprobs.echo-zero", "S", "with max_tokens 0 only the prompt is scored")
def echo_zero(server: Server):
    logprobs, text = _legacy(server, echo=True, max_tokens=0)
    equal("the text", text, PROMPT)
    equal("the joined tokens", "".join(logprobs["tokens"]), PROMPT)


@check("logprobs.echo-sense", "S", "a likely ending scores above an odd one")
def echo_sense(server: Server):
    begin = "The capital of France is"
    likely, odd = (
        sum(
            value
            for value, at in zip(logprobs["token_logprobs"], logprobs["text_offset"], strict=True)
            if len(begin) <= at < len(begin + word)
        )
        for word in (" Paris", " purple")
        for logprobs, _ in [_legacy(server, begin + word, echo=True, max_tokens=1)]
    )
    expect(likely > odd, f"Paris scores {likely:.2f}, purple {odd:.2f}", f"Paris 为 {likely:.2f}，purple 为 {odd:.2f}")


@check("logprobs.echo-same", "S", "tokens score the same when written and when read back")
def echo_same(server: Server):
    written, text = _legacy(server, max_tokens=6)
    read, _ = _legacy(server, PROMPT + text, echo=True, max_tokens=1)
    begin = next((n for n, at in enumerate(read["text_offset"]) if at == len(PROMPT)), None)
    if begin is None or read["tokens"][begin : begin + 6] != written["tokens"]:
        skip("the text is cut into other tokens when read back", "回读时分词不同")
    pairs = zip(written["token_logprobs"], read["token_logprobs"][begin:], strict=False)
    worst = max(abs(a - b) for a, b in pairs)
    expect(worst < 0.5 and not math.isnan(worst), f"they differ by {worst:.2f}", f"相差 {worst:.2f}")
