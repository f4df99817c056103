import assert from "node:assert/strict";
import test from "node:test";
import { isEstimate, numThoughtTokens, numTokens, speed, thoughtSeconds } from "../src/figures.js";
import { Growth, newReply, renew } from "../src/reply.js";
import { figures, pace } from "../src/view/pace.js";

const usage = (tokens, thought = 0) => ({
  prompt_tokens: 10,
  completion_tokens: tokens,
  completion_tokens_details: { reasoning_tokens: thought },
});

/** A piece of an answer: a chunk a second, then the server's count. */
function piece(message, deltas, end = {}) {
  const growth = new Growth(message, 0);
  deltas.forEach((delta, n) => growth.take({ choices: [{ delta }] }, 1000 * (n + 1)));
  if (end.usage) growth.take({ choices: [{ finish_reason: end.finish ?? "length" }], ...end }, 1000 * deltas.length);
  else growth.end("stopped");
  return message;
}

test("the pieces of an answer that was continued are counted together", () => {
  const message = piece(newReply("m"), [{ reasoning: "t" }, { content: "a" }], {
    usage: usage(100, 40),
    timings: { tokens_per_second: 50, thought_seconds: 1.5 },
  });
  piece(message, [{ content: "b" }], { usage: usage(60), timings: { tokens_per_second: 20 }, finish: "stop" });
  assert.equal(numTokens(message), 160);
  assert.equal(numThoughtTokens(message), 40);
  assert.equal(thoughtSeconds(message), 1.5);
  assert.equal(speed(message), 160 / (2 + 3));
  assert.equal(figures(message, { numContextTokens: 4096 }), "160 tokens · 32.0 tokens/s · context 70 of 4,096");
});

test("a piece that was stopped is counted by its chunks, and that is said", () => {
  const message = piece(newReply("m"), [{ content: "a" }, { content: "b" }, { content: "c" }]);
  assert.equal(figures(message, {}), "≈ 3 tokens · 1.0 tokens/s");
  piece(message, [{ content: "d" }], { usage: usage(7), finish: "stop" });
  assert.deepEqual([numTokens(message), isEstimate(message)], [10, true]);
});

test("what comes is told while it comes", () => {
  const message = newReply("m");
  const growth = new Growth(message, 0);
  assert.equal(pace(message), "");
  assert.equal(pace({ ...message, changed: Date.now() - 5100 }), "waiting · 5 s");
  for (const n of [1, 2, 3]) growth.take({ choices: [{ delta: { content: "x" } }] }, 500 * n);
  assert.equal(pace(message), "≈ 3 tokens · 2.0 tokens/s");
});

test("a second try begins with no figures of the first", () => {
  const message = piece({ id: "i", parent: "p", created: 1, ...newReply("m") }, []);
  Object.assign(message, { usage: usage(3), thoughtEnd: "loop" });
  assert.deepEqual(renew(message, "n"), { id: "i", parent: "p", created: 1, ...newReply("n") });
});
