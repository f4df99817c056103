"""`/v1/completions`: every form of prompt, echo, and fields that must not be dropped in silence."""

from zhinao_contract.abilities import token_ids
from zhinao_contract.contract import check
from zhinao_contract.expect import at_most, equal, expect, kind, not_crashed, one_of, refused, short
from zhinao_contract.server import COMPLETIONS, Server

PROMPT = "Once upon a time"


@check("completions.route", "M", "the route is there")
def route(server: Server):
    equal("status", server.try_completion().status, 200)


@check("completions.shape", "M", "object, id, model and one choice with text")
def shape(server: Server):
    answer = server.complete()
    equal("object", answer.json().get("object"), "text_completion")
    equal("model", answer.json().get("model"), server.model)
    kind("id", answer.json().get("id"), str)
    choice = answer.choices[0]
    equal("choices[0].index", choice.get("index"), 0)
    kind("choices[0].text", choice.get("text"), str)
    one_of("choices[0].finish_reason", choice.get("finish_reason"), ("stop", "length"))
    expect(choice.get("logprobs") is None, "logprobs came unasked", "未要求却返回了 logprobs")


@check("completions.raw", "M", "the prompt stays raw: no chat template around it")
def raw(server: Server):
    at_most("usage.prompt_tokens of one word", server.complete("Hello", max_tokens=1).usage["prompt_tokens"], 3)


@check("completions.list", "M", "two prompts give two choices in order")
def prompts(server: Server):
    answer = server.complete(["One, two, three,", "A, B, C,"])
    equal("the indices", [c["index"] for c in answer.choices], [0, 1])
    alone = [server.complete(p).usage["prompt_tokens"] for p in ("One, two, three,", "A, B, C,")]
    equal("usage.prompt_tokens", answer.usage["prompt_tokens"], sum(alone))


@check("completions.list-order", "M", "the choices belong to their prompts")
def order(server: Server):
    answer = server.complete(["alpha", "beta", "gamma"], echo=True, max_tokens=1)
    for choice, prompt in zip(answer.choices, ("alpha", "beta", "gamma"), strict=True):
        expect(choice["text"].startswith(prompt), f"{short(choice)} for {prompt}", f"{prompt} 对应 {short(choice)}")


@check("completions.ids", "M", "a prompt of token ids says what its text says")
def ids(server: Server):
    prompt = server.complete(token_ids(server, PROMPT))
    equal("the text", prompt.said(), server.complete(PROMPT).said())


@check("completions.id-lists", "S", "several prompts of token ids")
def id_lists(server: Server):
    lists = [token_ids(server, text) for text in (PROMPT, "The sun")]
    answer = server.complete(lists, max_tokens=4)
    equal("the indices", [c["index"] for c in answer.choices], [0, 1])
    equal("usage.prompt_tokens", answer.usage["prompt_tokens"], sum(map(len, lists)))


@check("completions.bad-ids", "S", "token ids that the model has not are a 400")
def bad_ids(server: Server):
    server.needs(COMPLETIONS)
    for prompt in ([10**9], [-1]):
        refused(server.try_completion(prompt), 400, 422)


@check("completions.echo", "S", "echo puts the prompt before the text")
def echo(server: Server):
    equal("the text", server.complete(echo=True).said(), PROMPT + server.complete().said())


@check("completions.echo-usage", "S", "echo changes no count")
def echo_usage(server: Server):
    usages = [server.complete(echo=value, max_tokens=5).usage for value in (True, False)]
    equal("usage.completion_tokens", usages[0]["completion_tokens"], usages[1]["completion_tokens"])


@check(
    "completions.stream-list",
    "S",
    "a stream of two prompts has both indices, each ended once",
)
def stream_list(server: Server):
    stream = server.complete_stream(["One, two,", "A, B,"], max_tokens=4)
    equal("the ends", [len(stream.finishes(index)) for index in (0, 1)], [1, 1])


@check("completions.missing-prompt", "M", "no prompt is a 400 that names it")
def missing_prompt(server: Server):
    server.needs(COMPLETIONS)
    refused(server.try_completion(...), 400, 422, naming=("prompt",))


@check("completions.wrong-prompt", "M", "a prompt of a wrong type is a 400 that names it")
def wrong_prompt(server: Server):
    server.needs(COMPLETIONS)
    for prompt in (5, {"text": "hi"}, [["a"]]):
        refused(server.try_completion(prompt), 400, 422, naming=("prompt",))


@check("completions.empty", "S", "an empty prompt, or none in the list, crashes nothing")
def empty(server: Server):
    server.needs(COMPLETIONS)
    for prompt in ("", []):
        not_crashed(server.try_completion(prompt, max_tokens=2))


@check("completions.suffix", "C", "suffix is refused by name, not dropped")
def suffix(server: Server):
    server.needs(COMPLETIONS)
    refused(server.try_completion(suffix=" The end."), 400, 422, 501, naming=("suffix",))


@check("completions.best-of", "C", "best_of counts its tokens or is refused by name")
def best_of(server: Server):
    server.needs(COMPLETIONS)
    reply = server.try_completion(best_of=3, temperature=1.0, max_tokens=6, ignore_eos=True)
    if reply.status == 200:
        equal("usage.completion_tokens", reply.json()["usage"]["completion_tokens"], 18)
    else:
        refused(reply, 400, 422, 501, naming=("best_of",))
