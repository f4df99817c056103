import assert from "node:assert/strict";
import test from "node:test";
import { attachment, decoded, size } from "../src/attachment.js";

const bytes = (...values) => new Uint8Array(values);

test("text in the encodings that files have", () => {
  assert.equal(decoded(new TextEncoder().encode("\ufeff智脑\r\nb\rc")), "智脑\nb\nc");
  assert.equal(decoded(bytes(0xd6, 0xc7, 0xc4, 0xd4)), "智脑"); // GB 18030
  assert.equal(decoded(bytes(0xff, 0xfe, 0x7a, 0x66)), "智"); // UTF-16
  assert.equal(decoded(bytes(0xfe, 0xff, 0x66, 0x7a)), "智");
});

test("what is no text is refused with a sentence", async () => {
  assert.equal(decoded(bytes(0x89, 0x50, 0x4e, 0x47, 13, 10, 0x1a, 10, 0, 0)), null); // a picture
  await assert.rejects(attachment(new File([bytes(0, 1, 2)], "a.bin")), /a\.bin is no text file/);
  await assert.rejects(attachment(new File([" \n"], "b.txt")), /empty/);
  await assert.rejects(attachment(new File(["x".repeat(2 << 20)], "c.txt")), /1 MB at most/);
  assert.deepEqual(await attachment(new File(["hi"], "d.txt")), { name: "d.txt", text: "hi" });
});

test("sizes", () => {
  assert.deepEqual([size("abc"), size("智".repeat(1000)), size("x".repeat(64000))], ["3 B", "3.0 kB", "64 kB"]);
});
