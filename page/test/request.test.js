import assert from "node:assert/strict";
import test from "node:test";
import { allowed, differing, inForce, PARAMETERS, valueOf } from "../src/parameters.js";
import { requestBody } from "../src/request.js";

const about = { thinks: true, defaults: { temperature: 0.7, top_k: 20 } };
const base = { system: "", model: "m", parameters: {}, about, wantsProbabilities: false };
const question = { role: "user", content: "q" };

test("only what differs from the server's defaults is sent", () => {
  assert.deepEqual(differing({ temperature: 0.7, top_k: 0, seed: undefined, stop: ["a"] }, about.defaults), {
    top_k: 0,
    stop: ["a"],
  });
  const body = requestBody({ ...base, branch: [question], parameters: { temperature: 0.7, thinking_budget: 64 } });
  assert.deepEqual(body, {
    model: "m",
    messages: [question],
    stream: true,
    stream_options: { include_usage: true },
    thinking_budget: 64,
  });
});

test("a server that does not think gets no budget", () => {
  const body = requestBody({
    ...base,
    branch: [question],
    parameters: { thinking_budget: 64 },
    about: { thinks: false, defaults: {} },
  });
  assert.ok(!("thinking_budget" in body));
});

test("earlier thoughts stay here; a continued answer brings its own", () => {
  const answer = { role: "assistant", content: "a", thought: "t" };
  const body = requestBody({ ...base, system: "be brief", branch: [question, { ...answer }, question, answer] });
  assert.deepEqual(body.messages, [
    { role: "system", content: "be brief" },
    question,
    { role: "assistant", content: "a" },
    question,
    { role: "assistant", content: "a", reasoning_content: "t", reasoning: "t" },
  ]);
  assert.equal(body.continue_final_message, true);
  assert.equal(body.add_generation_prompt, false);
});

test("fields mean a value, nothing, or a mistake", () => {
  const [budget, temperature] = PARAMETERS;
  const stop = PARAMETERS.at(-1);
  assert.deepEqual(
    [valueOf(budget, "64"), valueOf(budget, ""), valueOf(budget, "1.5"), valueOf(budget, "-1")],
    [64, undefined, null, null],
  );
  assert.deepEqual(
    [valueOf(temperature, "0.5"), valueOf(temperature, "3"), valueOf(temperature, "x")],
    [0.5, null, null],
  );
  assert.deepEqual(valueOf(stop, "a\n\nb"), ["a", "b"]);
});

test("numbers as people write them", () => {
  const named = (name) => PARAMETERS.find(({ wire }) => wire === name);
  const [temperature, longest, presence] = ["temperature", "max_tokens", "presence_penalty"].map(named);
  assert.deepEqual(
    ["0,7", "0。7", "０．７", ".7", " 0.7 ", "7e-1"].map((text) => valueOf(temperature, text)),
    Array(6).fill(0.7),
  );
  assert.deepEqual(
    ["15", "0,7,1", "1-", "--1", "0x1", "Infinity", "1 2"].map((text) => valueOf(temperature, text)),
    Array(7).fill(null),
  );
  assert.deepEqual([valueOf(longest, "32,768"), valueOf(longest, "32,7"), valueOf(longest, "0")], [32768, null, null]);
  assert.equal(valueOf(presence, "−0.5"), -0.5);
  assert.equal(valueOf(named("seed"), "9007199254740993"), null); // JavaScript would send another number
  assert.equal(valueOf(named("top_p"), "0"), null); // the server refuses it
});

test("what may stand in a field, and what holds meanwhile", () => {
  const named = (name) => PARAMETERS.find(({ wire }) => wire === name);
  assert.equal(allowed(named("temperature")), "0\u00a0…\u00a02");
  assert.equal(allowed(named("max_tokens")), "whole numbers, ≥\u00a01");
  assert.equal(inForce(named("temperature"), { temperature: 0.7 }), 0.7);
  assert.equal(inForce(named("seed"), {}), "random");
});

test("files go before the question, between fences longer than any inside", () => {
  const files = [{ name: "笔记.md", text: "````\nx\n````\n" }];
  const body = requestBody({ ...base, branch: [{ ...question, files }] });
  assert.equal(body.messages[0].content, "笔记.md\n`````\n````\nx\n````\n`````\n\nq");
  assert.ok(!("files" in body.messages[0]));
});
