"""`/v1/completions`: every form of prompt, echo, and fields that must not be dropped in silence."""

from zhinao_contract.abilities import token_ids
from zhinao_contract.contract import check
from zhinao_contract.expect import at_most, equal, expect, kind, not_crashed, one_of, refused, short
from zhinao_contract.server import COMPLETIONS, Server

PROMPT = "Once upon a time"


@check("completions.route", "M", "the route is there", "路由存在")
def route(server: Server):
    equal("status", server.try_completion().status, 200)


@check("completions.shape", "M", "object, id, model and one choice with text", "object、id、model 与带文本的 choice")
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


@check("completions.raw", "M", "the prompt stays raw: no chat template around it", "提示保持原样，不套用对话模板")
def raw(server: Server):
    at_most("usage.prompt_tokens of one word", server.complete("Hello", max_tokens=1).usage["prompt_tokens"], 3)


@check("completions.list", "M", "two prompts give two choices in order", "两个提示按序返回两个 choice")
def prompts(server: Server):
    answer = server.complete(["One, two, three,", "A, B, C,"])
    equal("the indices", [c["index"] for c in answer.choices], [0, 1])
    alone = [server.complete(p).usage["prompt_tokens"] for p in ("One, two, three,", "A, B, C,")]
    equal("usage.prompt_tokens", answer.usage["prompt_tokens"], sum(alone))


@check("completions.list-order", "M", "the choices belong to their prompts", "choice 与各自的提示对应")
def order(server: Server):
    answer = server.complete(["alpha", "beta", "gamma"], echo=True, max_tokens=1)
    for choice, prompt in zip(answer.choices, ("alpha", "beta", "gamma"), strict=True):
        expect(choice["text"].startswith(prompt), f"{short(choice)} for {prompt}", f"{prompt} 对应 {short(choice)}")


@check("completions.ids", "M", "a prompt of token ids says what its text says", "token id 形式的提示与文本等效")
def ids(server: Server):
    prompt = server.complete(token_ids(server, PROMPT))
    equal("the text", prompt.said(), server.complete(PROMPT).said())


@check("completions.id-lists", "S", "several prompts of token ids", "多个 token id 提示")
def id_lists(server: Server):
    lists = [token_ids(server, text) for text in (PROMPT, "The sun")]
    answer = server.complete(lists, max_tokens=4)
    equal("the indices", [c["index"] for c in answer.choices], [0, 1])
    equal("usage.prompt_tokens", answer.usage["prompt_tokens"], sum(map(len, lists)))


@check("completions.bad-ids", "S", "token ids that the model has not are a 400", "超出词表的 token id 返回 400")
def bad_ids(server: Server):
    server.needs(COMPLETIONS)
    for prompt in ([10**9], [-1]):
        refused(server.try_completion(prompt), 400, 422)


@check("completions.echo", "S", "echo puts the prompt before the text", "echo 在文本前加上提示")
def echo(server: Server):
    equal("the text", server.complete(echo=True).said(), PROMPT + server.complete().said())


@check("completions.echo-usage", "S", "echo changes no count", "echo 不影响计数")
def echo_usage(server: Server):
    usages = [server.complete(echo=value, max_tokens=5).usage for value in (True, False)]
    equal("usage.completion_tokens", usages[0]["completion_tokens"], usages[1]["completion_tokens"])


@check(
    "completions.stream-list",
    "S",
    "a stream of two prompts has both indices, each ended once",
    "两个提示的流含两个 index，各结束一次",
)
def stream_list(server: Server):
    stream = server.complete_stream(["One, two,", "A, B,"], max_tokens=4)
    equal("the ends", [len(stream.finishes(index)) for index in (0, 1)], [1, 1])


@check("completions.missing-prompt", "M", "no prompt is a 400 that names it", "缺少 prompt 返回 400 并指明")
def missing_prompt(server: Server):
    server.needs(COMPLETIONS)
    refused(server.try_completion(...), 400, 422, naming=("prompt",))


@check(
    "completions.wrong-prompt", "M", "a prompt of a wrong type is a 400 that names it", "prompt 类型错误返回 400 并指明"
)
def wrong_prompt(server: Server):
    server.needs(COMPLETIONS)
    for prompt in (5, {"text": "hi"}, [["a"]]):
        refused(server.try_completion(prompt), 400, 422, naming=("prompt",))


@check("completions.empty", "S", "an empty prompt, or none in the list, crashes nothing", "空提示或空列表不会导致崩溃")
def empty(server: Server):
    server.needs(COMPLETIONS)
    for prompt in ("", []):
        not_crashed(server.try_completion(prompt, max_tokens=2))


@check("completions.suffix", "C", "suffix is refused by name, not dropped", "suffix 被指名拒绝，而非静默丢弃")
def suffix(server: Server):
    server.needs(COMPLETIONS)
    refused(server.try_completion(suffix=" The end."), 400, 422, 501, naming=("suffix",))


@check("completions.best-of", "C", "best_of counts its tokens or is refused by name", "best_of 计入 token 或被指名拒绝")
def best_of(server: Server):
    server.needs(COMPLETIONS)
    reply = server.try_completion(best_of=3, temperature=1.0, max_tokens=6, ignore_eos=True)
    if reply.status == 200:
        equal("usage.completion_tokens", reply.json()["usage"]["completion_tokens"], 18)
    else:
        refused(reply, 400, 422, 501, naming=("best_of",))
