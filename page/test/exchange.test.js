import assert from "node:assert/strict";
import test from "node:test";
import { add, branch, newConversation } from "../src/conversation.js";
import { fileName, fromJson, toJson, toMarkdown } from "../src/exchange.js";
import { newReply } from "../src/reply.js";
import { lastBlock, offsetOfLine } from "../src/text/blocks.js";

function sample() {
  const conversation = newConversation("be brief");
  const question = add(conversation, null, { role: "user", content: "你好 $x$" });
  add(conversation, question.id, {
    ...newReply("m"),
    thought: "hm",
    content: "<b>Good</b>",
    finish: "stop",
    usage: { completion_tokens: 3 },
  });
  return conversation;
}

test("what was exported can be imported, as a new conversation", () => {
  const before = sample();
  const [after] = fromJson(toJson([before]));
  assert.notEqual(after.id, before.id);
  assert.deepEqual(
    branch(after).map(({ content, thought }) => [content, thought]),
    [
      ["你好 $x$", undefined],
      ["<b>Good</b>", "hm"],
    ],
  );
  assert.deepEqual([after.system, after.title], ["be brief", "你好 $x$"]);
});

test("a damaged or foreign file is refused with a sentence", () => {
  const broken = (change) => {
    const file = JSON.parse(toJson([sample()]));
    change(file.conversations[0]);
    return JSON.stringify(file);
  };
  assert.throws(() => fromJson("{"), /not JSON/);
  assert.throws(() => fromJson("[]"), /no conversations/);
  assert.throws(() => fromJson(broken((c) => (c.messages = "x"))), /damaged/);
  assert.throws(() => fromJson(broken((c) => (c.messages[1].parent = "nobody"))), /damaged/);
  assert.throws(() => fromJson(broken((c) => (c.messages[1].parent = c.messages[1].id))), /damaged/);
  assert.throws(() => fromJson(broken((c) => (c.messages[0].role = "system"))), /damaged/);
});

test("unknown fields of a file do not come in", () => {
  const file = JSON.parse(toJson([sample()]));
  Object.assign(file.conversations[0].messages[1], { error: { message: "x" }, evil: 1, notes: [1, "n"] });
  const message = fromJson(JSON.stringify(file))[0].messages[1];
  assert.deepEqual([message.error, message.evil, message.notes], [null, undefined, ["n"]]);
});

test("attached files come back, and stand in the Markdown", () => {
  const conversation = newConversation();
  add(conversation, null, {
    role: "user",
    content: "what?",
    files: [{ name: "a.txt", text: "```\nx\n```\n", evil: 1 }],
  });
  const [after] = fromJson(toJson([conversation]));
  assert.deepEqual(after.messages[0].files, [{ name: "a.txt", text: "```\nx\n```\n" }]);
  assert.match(toMarkdown(after), /a\.txt\n````\n```\nx\n```\n````\n\nwhat\?/);
});

test("Markdown and file names", () => {
  const text = toMarkdown(sample());
  assert.match(text, /^# 你好 \$x\$\n/);
  assert.match(text, /<details><summary>Thought<\/summary>\n\nhm\n\n<\/details>\n\n<b>Good<\/b>/);
  assert.equal(fileName("../a: b?/智脑", "md"), "a-b-智脑.md");
  assert.equal(fileName("???", "json"), "zhinao.json");
});

test("blocks: where the last one begins", () => {
  const token = (nesting, level, map) => ({ nesting, level, map });
  assert.deepEqual(
    lastBlock([token(1, 0, [0, 1]), token(-1, 0), token(1, 0, [2, 4]), token(0, 1, [2, 3]), token(-1, 0)]),
    { index: 2, line: 2 },
  );
  assert.deepEqual(lastBlock([]), { index: 0, line: 0 });
  assert.equal(offsetOfLine("ab\n\ncd\n", 2), 4);
});
