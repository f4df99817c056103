import assert from "node:assert/strict";
import test from "node:test";
import { lost, refused, sentenceOf, told } from "../src/failure.js";
import { chooseLanguage } from "../src/lang.js";

const TWICE =
  "This model's maximum context length is 32768 tokens; the prompt has 40000. The prompt has 40000 tokens; the model's context holds 32768.";
const VLLM =
  "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens in the messages. Please reduce the length.";

/** In both languages. */
function both(facts) {
  return ["en", "zh"].map((language) => (chooseLanguage(language), sentenceOf(facts)));
}

test.afterEach(() => chooseLanguage("en"));

test("a prompt over the context is told once, with its figures, in the reader's language", () => {
  const [english, chinese] = both(told({ message: TWICE, code: "context_length_exceeded" }, 400).facts);
  assert.equal(
    english,
    "The conversation has 40,000 tokens; the model's context holds 32,768. Shorten the message, or begin a new chat.",
  );
  assert.match(chinese, /^这段对话有 40,000 个 token，而模型的上下文只能容纳 32,768 个。/);
  chooseLanguage("en");
  const more = told({ message: TWICE.replace("has 40000.", "has more than 40000."), code: "context_length_exceeded" });
  assert.match(sentenceOf(more.facts), /more than 40,000/);
  assert.match(both({ kind: "refused", message: VLLM, code: "context_length_exceeded" })[0], /5,000 tokens.*4,096/);
  assert.match(both({ kind: "refused", message: "?", code: "context_length_exceeded" })[1], /超出了模型的上下文长度/);
});

test("words of the server in another language are passed on as its words", () => {
  assert.deepEqual(both({ kind: "refused", status: 400, message: "temperature is 9." }), [
    "temperature is 9.",
    "服务器拒绝了请求（400）：temperature is 9.",
  ]);
  assert.deepEqual(both({ kind: "refused", status: 400, message: "温度为 9。" }), [
    "The server refused the request (400): 温度为 9。",
    "温度为 9。",
  ]);
});

test("every code and status that the page knows has a sentence in both languages", () => {
  const codes =
    "missing_api_key invalid_api_key queue_full rate_limit_exceeded request_too_large request_too_complex request_timeout";
  for (const code of `${codes} headers_too_large loading restarting draining origin_not_allowed host_not_allowed`.split(
    " ",
  )) {
    const [english, chinese] = both({ kind: "refused", code, message: "the server's words", wait: 0 });
    assert.ok(!/\p{Script=Han}|server's words/u.test(english), code);
    assert.ok(/\p{Script=Han}/u.test(chinese) && !/words/.test(chinese), code);
  }
  assert.match(both({ kind: "refused", code: "queue_full", wait: 7 })[0], /Try again in 7 s\.$/);
  assert.match(both({ kind: "refused", status: 504 })[1], /超时/);
  assert.equal(both(lost().facts)[1], "连接中断，已收到的内容已保留。");
});

test("refusals in every shape that servers and proxies have", async () => {
  const response = (body, status, headers = {}) => new Response(body, { status, headers });
  const of = async (...given) => (await refused(response(...given))).facts;
  const { code, wait, status } = await of('{"error": {"message": "m", "code": "queue_full"}}', 429, {
    "retry-after": "5",
  });
  assert.deepEqual([code, wait, status], ["queue_full", 5, 429]);
  assert.equal((await of('{"detail": "Not Found"}', 404)).message, "Not Found");
  assert.equal((await of('{"error": "plain"}', 400)).message, "plain");
  assert.equal((await of("<html>", 502)).message, "");
  assert.equal((await of('{"error": {"message": "m", "code": 400}}', 400)).code, null);
});
