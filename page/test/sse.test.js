import assert from "node:assert/strict";
import test from "node:test";
import { EventReader } from "../src/sse.js";

const STREAM =
  'data: {"text":"智脑 😀"}\r\n\r\n: a comment\n\ndata: one\ndata:two\n\nevent: x\nid: 7\ndata: three\r\rdata: [DONE]\n\n';
const EVENTS = ['{"text":"智脑 😀"}', "one\ntwo", "three", "[DONE]"];

test("events are the same wherever the bytes are cut", () => {
  const bytes = new TextEncoder().encode(STREAM);
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new EventReader();
    const found = [];
    for (let at = 0; at < bytes.length; at += size) found.push(...reader.push(bytes.slice(at, at + size)));
    assert.deepEqual([...found, ...reader.end()], EVENTS, `pieces of ${size}`);
  }
});

test("a last event without its empty line is not lost", () => {
  const reader = new EventReader();
  assert.deepEqual(reader.push(new TextEncoder().encode("data: a\n\ndata: b")), ["a"]);
  assert.deepEqual(reader.end(), ["b"]);
});
