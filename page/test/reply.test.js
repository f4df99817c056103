import assert from "node:assert/strict";
import test from "node:test";
import { numThoughtTokens, speed } from "../src/figures.js";
import { canContinue, Growth, newReply } from "../src/reply.js";

const chunk = (delta, more = {}) => ({ id: "c1", choices: [{ index: 0, delta, ...more }] });

function grown(...chunks) {
  const growth = new Growth(newReply("m"), 0);
  chunks.forEach((one, n) => growth.take(one, 1000 * (n + 1)));
  return growth;
}

test("thought and answer under either name of the field, once", () => {
  const ours = grown(
    chunk({ role: "assistant", content: "" }),
    chunk({ reasoning_content: "hm", reasoning: "hm" }),
    chunk({ content: "yes" }, { finish_reason: "stop", thought_end: "closed" }),
  );
  assert.deepEqual(
    [ours.message.thought, ours.message.content, ours.message.finish, ours.message.thoughtEnd],
    ["hm", "yes", "stop", "closed"],
  );
  assert.equal(ours.message.thoughtSeconds, 1);
  assert.equal(grown(chunk({ reasoning: "vLLM" })).message.thought, "vLLM");
  assert.equal(ours.id, "c1");
});

test("an answer that turns out to be the thought is moved", () => {
  const { message } = grown(
    chunk({ content: "I think" }),
    chunk({ reasoning_content: "I think", reasoning: "I think" }, { reclassified: true }),
    chunk({ content: "so" }),
  );
  assert.deepEqual([message.thought, message.content], ["I think", "so"]);
});

test("notes, usage and speed", () => {
  const usage = { prompt_tokens: 5, completion_tokens: 21, completion_tokens_details: { reasoning_tokens: 8 } };
  const { message } = grown(chunk({ reasoning: "a" }), chunk({}, { note: "closed" }), chunk({ content: "b" }), {
    choices: [],
    usage,
  });
  assert.deepEqual(message.notes, ["closed"]);
  assert.equal(numThoughtTokens(message), 8);
  assert.equal(speed(message), 20 / 3);
  assert.equal(speed({ ...message, timings: { tokens_per_second: 7 } }), 7);
});

test("probabilities know whether their token was thought", () => {
  const logprobs = (...tokens) => ({
    logprobs: { content: tokens.map((token) => ({ token, logprob: -1, top_logprobs: [] })) },
  });
  const { message } = grown(
    chunk({ reasoning: "a" }, logprobs("a")),
    chunk({}, logprobs("</think>")),
    chunk({ content: "b" }, logprobs("b")),
  );
  assert.deepEqual(
    message.tokens.map(({ text, isThought }) => [text, isThought]),
    [
      ["a", true],
      ["</think>", true],
      ["b", false],
    ],
  );
});

test("other choices are not mixed in", () => {
  assert.equal(grown({ choices: [{ index: 1, delta: { content: "x" } }] }).message.content, "");
});

test("only a cut answer can be continued", () => {
  assert.ok(canContinue({ finish: "length", content: "a" }));
  assert.ok(canContinue({ finish: "lost", content: "a" }));
  assert.ok(!canContinue({ finish: "stop", content: "a" }));
  assert.ok(canContinue({ finish: "length", content: "", thought: "a" }, true));
  assert.ok(!canContinue({ finish: "length", content: "", thought: "a" }, false));
  assert.ok(!canContinue({ finish: "error", content: "", thought: "" }, true));
});
