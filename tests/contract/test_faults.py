"""Every check can fail: a server broken in one way is caught by the checks of that way, and a server that is wholly broken by the rest."""

import pytest

from tests.contract.fake_server import serve
from tests.contract.faults import Fault
from zhinao_contract import areas, runner
from zhinao_contract.abilities import _regex
from zhinao_contract.areas.stops import Known
from zhinao_contract.server import Server
from zhinao_contract.wire import Address

KEY = "sk-right"
# fault -> checks that must see it
CAUGHT = {
    "no-done": "stream.done stream.big stream.completions disconnect.others http.keep-alive-stream",
    "two-done": "stream.done",
    "no-space": "stream.frames",
    "no-blank-line": "stream.frames",
    "not-json": "stream.object",
    "all-at-once": "stream.pieces",
    "object": "stream.object",
    "id-changes": "stream.same-id concurrency.streams",
    "id-constant": "stream.own-id concurrency.streams",
    "model": "stream.same-model",
    "created-changes": "stream.same-created",
    "no-role": "stream.role n.stream",
    "role-always": "stream.role-once",
    "no-finish": "stream.finish length.one n.stream",
    "finish-always": "stream.finish stream.after-finish tools.stream",
    "finish-missing": "stream.finish-null",
    "late-text": "stream.after-finish stream.same-text",
    "message-for-delta": "stream.no-message stream.role",
    "lost-piece": "stream.same-text stop.false-start chars.stream-chinese",
    "usage-always": "usage.absent usage.include usage.null-before usage.same",
    "usage-in-the-middle": "usage.include",
    "half-characters": "chars.stream-emoji chars.stream-chinese chars.pieces",
    "control-token": "defaults.no-control-tokens-streamed",
    "calls-without-index": "tools.stream-index",
    "lost-logprobs": "logprobs.stream",
    "one-thought-name": "thinking.stream-both",
    "answer-object": "shape.object shape.stream-false completions.shape",
    "answer-id": "shape.id",
    "answer-created": "shape.created",
    "answer-model": "shape.model completions.shape",
    "answer-usage-sum": "shape.usage usage.completions",
    "answer-usage-off": "usage.exact usage.same length.ignore-eos n.usage logprobs.count concurrency.lengths length.completions",
    "answer-usage-prompt": "usage.prompt-grows messages.system messages.history messages.two-users tools.result-counts defaults.control-text messages.continue-final completions.id-lists",
    "answer-finish": "shape.finish-known shape.finish-length stop.finish structured.ends",
    "answer-no-stop-reason": "stop.reason",
    "answer-role": "shape.choice",
    "answer-delta": "shape.no-delta",
    "answer-one-choice": "n.count n.completions completions.list",
    "answer-swapped": "completions.list",
    "answer-control-token": "defaults.no-control-tokens",
    "answer-next-turn": "defaults.no-roles",
    "answer-half-character": "chars.whole chars.cut chars.echo",
    "answer-stop-leaks": "stop.string stop.across-tokens stop.inside-token stop.list stop.completions n.stop",
    "answer-stop-shortens": "stop.string stop.across-tokens stop.chinese",
    "answer-not-json": "structured.schema structured.schema-nested structured.json-object structured.n",
    "answer-thought-in-text": "thinking.separate thinking.cut",
    "answer-one-thought-name": "thinking.both-fields",
    "answer-positive-logprobs": "logprobs.not-positive",
    "answer-odd-tokens": "logprobs.joined logprobs.greedy-top",
    "answer-wrong-bytes": "logprobs.bytes logprobs.joined",
    "answer-few-logprobs": "logprobs.count logprobs.joined logprobs.stream",
    "answer-rising-tops": "logprobs.top",
    "answer-legacy-short": "logprobs.completions",
    "answer-legacy-shifted": "logprobs.echo logprobs.echo-same",
    "answer-legacy-offsets": "logprobs.offsets",
    "answer-call-object": "tools.shape",
    "answer-call-no-id": "tools.shape",
    "answer-call-arguments": "tools.arguments tools.stream-same",
    "answer-call-name": "tools.required tools.named",
    "answer-call-finish": "tools.finish",
    "answer-no-timings": "shape.timings",
    "drop:stop": "stop.string stop.stream stop.list stop.completions stop.reason",
    "drop:n": "n.count n.stream n.usage seed.n structured.n n.same-greedy",
    "drop:seed": "seed.same seed.stream seed.completions seed.n logprobs.stream",
    "drop:temperature": "sampling.greedy sampling.temperature-range errors.wrong-temperature",
    "drop:top_p": "sampling.top-p sampling.top-p-range",
    "drop:top_k": "sampling.top-k sampling.top-k-range",
    "drop:min_p": "sampling.min-p sampling.min-p-range",
    "drop:frequency_penalty": "sampling.frequency-penalty sampling.penalty-range",
    "drop:presence_penalty": "sampling.presence-penalty sampling.penalty-range",
    "drop:repetition_penalty": "sampling.repetition-penalty sampling.repeat-penalty sampling.repetition-range",
    "drop:logit_bias": "sampling.logit-bias",
    "drop:max_tokens": "length.max-tokens length.one shape.finish-length usage.exact length.negative errors.wrong-max-tokens",
    "drop:max_completion_tokens": "length.max-completion-tokens",
    "drop:ignore_eos": "length.ignore-eos defaults.long stream.big",
    "drop:min_tokens": "length.min-tokens length.min-over-max",
    "drop:logprobs": "logprobs.shape logprobs.completions logprobs.echo",
    "drop:top_logprobs": "logprobs.greedy-top logprobs.top logprobs.top-range logprobs.top-alone",
    "drop:echo": "completions.echo completions.list-order logprobs.echo logprobs.echo-zero chars.echo chars.echo-stream n.completions logprobs.echo-sense",
    "drop:stream": "stream.content-type stream.done usage.include",
    "drop:stream_options": "usage.include usage.same usage.not-streamed n.stream-usage",
    "drop:response_format": "structured.schema structured.schema-array structured.schema-numbers structured.schema-chinese structured.schema-string structured.schema-max-length structured.schema-any-of structured.schema-null structured.schema-refs structured.stream structured.completions structured.bad-schema structured.unknown-type structured.missing-schema structured.json-object",
    "drop:structured_outputs+guided_regex+guided_choice+guided_json+guided_grammar": "structured.regex structured.choice structured.grammar structured.json structured.bad-regex structured.bad-grammar",
    "drop:tools+tool_choice": "tools.required tools.named tools.stream tools.listed tools.unknown-name tools.bad-choice tools.bad-tool tools.without-list errors.wrong-tools",
    "tokens-count": "tokens.tokenize",
    "tokens-lossy": "tokens.round-trip tokens.round-trip-chinese tokens.round-trip-emoji tokens.round-trip-spaces tokens.round-trip-odd",
    "tokens-lost": "tokens.chat tokens.render",
    "tokens-lenient": "tokens.bad tokens.missing",
    "one-at-a-time": "http.half-sent http.half-finished concurrency.fair",
    "metrics-frozen": "operations.metrics-count",
    "metrics-stuck": "operations.idle",
    "shows-key": "auth.not-shown",
    "no-http10": "http.http10",
    "breaks": "http.garbage",
    "ids-lost": "completions.ids completions.list",
    "crossed": "concurrency.counts concurrency.lengths concurrency.marks",
    "drop-tool-results": "tools.result-counts",
    "drop-content": "messages.system messages.system-kept messages.developer messages.history messages.two-users messages.system-late messages.many",
    "drop:continue_final_message": "messages.continue-final messages.continue-final-conflict thinking.prefilled thinking.prefilled-stream",
    "drop:thinking_budget": "thinking.budget thinking.budget-range",
    "drop:instructions": "responses.instructions",
    "drop:max_output_tokens": "responses.incomplete",
    "drop:previous_response_id": "responses.previous",
    "drop:suffix+best_of": "completions.suffix completions.best-of",
    "events-unnamed": "responses.stream-names",
    "events-unnumbered": "responses.stream-numbers",
    "events-deltas": "responses.stream-text",
    "events-end": "responses.stream",
    "lenient": "models.chat-unknown models.complete-unknown errors.empty-messages errors.unknown-role errors.missing-role errors.wrong-content errors.wrong-stop errors.wrong-n errors.wrong-stream errors.context errors.context-stream errors.context-completions errors.not-a-number completions.bad-ids completions.missing-prompt completions.wrong-prompt messages.image messages.null-content tools.bad-choice stream.refusal n.zero length.fraction",
    "error-shape": "errors.malformed errors.unknown-route-shape errors.method-allow models.get-unknown auth.missing stream.refusal responses.missing-input limits.shape",
    "error-words": "errors.wrong-temperature errors.missing-messages errors.context errors.context-code errors.param models.chat-unknown completions.missing-prompt",
    "error-inside": "errors.no-inside",
    "error-status": "errors.malformed errors.method errors.unknown-route http.keep-alive-error stop.empty-string  completions.empty",
    "text-plain": "shape.content-type stream.content-type http.charset operations.page",
    "no-allow": "errors.method-allow",
    "no-retry": "limits.retry-after",
    "no-challenge": "auth.challenge",
    "no-ignored": "errors.unknown-field-named",
    "no-cache": "stream.no-cache",
    "no-auth": "auth.missing auth.wrong auth.odd-bytes auth.models auth.others",
    "cors-star": "cors.no-star cors.preflight cors.no-credentials",
    "closes": "http.keep-alive http.keep-alive-error http.keep-alive-stream http.pipelining http.head",
    "never-closes": "http.close",
    "big-body": "errors.big-body errors.big-chunked",
}
# faults whose sign is that nothing comes
HANGS = ("big-body", "never-closes", "one-at-a-time")
# slow to test: each waits for a server that goes on working for clients that left
LEAVING = (
    "disconnect.stream disconnect.early disconnect.plain disconnect.several disconnect.completions disconnect.counted"
)
# broken as a whole: everything answered alike
WHOLLY = ("empty", "crash", "not-found")
# what checks find out about a server before they ask, as it would be known of a good one
FACTS = {
    "model": "fake",
    "forcing": _regex,
    "thinks": True,
    "context": 2048,
    "props": {},
    "route /v1/completions": 200,
    "route /v1/responses": 200,
    "a text to stop in": Known(" the fox saw a raven who had some cheese and said", 34),
}


def ask(url: str, ids: str = "", timeout: float = 10.0, **facts) -> dict[str, runner.Result]:
    server = Server(Address.parse(url), KEY, None, timeout=timeout, may_provoke_429=True, facts=facts)
    return {check.id: runner.run_one(check, server) for check in areas.chosen(ids.split())}


@pytest.mark.parametrize("fault", CAUGHT)
def test_is_caught(fault):
    with serve(Fault(fault), key=KEY) as url:
        results = ask(url, CAUGHT[fault], timeout=2.0 if fault in HANGS else 20.0)
    missed = [f"{r.id}: {r.outcome} {r.message}" for r in results.values() if r.outcome != "fail" or not r.message]
    assert not missed
    assert fault in HANGS or not [r for r in results.values() if "time limit" in r.message]


def test_a_client_that_leaves_is_noticed():
    for id in LEAVING.split():
        with serve(Fault("keeps-running"), key=KEY, seconds_per_token=0.005) as url:
            assert ask(url, id, timeout=2.0)[id].outcome == "fail", id


def test_a_server_that_never_recovers_is_noticed():
    with serve(Fault("breaks"), key=KEY) as url:
        assert ask(url, "limits.after")["limits.after"].outcome == "fail"


def test_every_check_can_fail():
    seen = {id for ids in [*CAUGHT.values(), LEAVING, "limits.after"] for id in ids.split()}
    for fault in WHOLLY:
        with serve(Fault(fault), key=KEY) as url:
            seen |= {id for id, result in ask(url, timeout=1.0, **FACTS).items() if result.outcome == "fail"}
    assert sorted({check.id for check in areas.every()} - seen) == []
