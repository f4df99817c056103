import assert from "node:assert/strict";
import test from "node:test";
import { add, newConversation } from "../src/conversation.js";
import { around, match, patternOf, wordsOf } from "../src/search.js";
import { width } from "../src/text/width.js";

function sample(...contents) {
  const conversation = newConversation();
  for (const content of contents) add(conversation, conversation.leaf, { role: "user", content });
  return conversation;
}

test("every word must be there, whatever its case; signs are signs", () => {
  const conversation = sample("title", "Good (very) news");
  assert.equal(match(conversation, ["TITLE"]).messageId, null);
  assert.equal(match(conversation, ["good"]).hit, "Good");
  assert.equal(match(conversation, ["(very)"]).hit, "(very)");
  assert.equal(match(conversation, ["good", "absent"]), null);
  assert.equal(match(sample("x", "İstanbul 熊猫"), ["熊猫"]).hit, "熊猫"); // lower case is longer here
  assert.deepEqual(wordsOf("  a  b "), ["a", "b"]);
});

test("the message that holds most of the words is named", () => {
  const conversation = sample("title", "panda", "a panda eats bamboo");
  const found = match(conversation, ["panda", "bamboo"]);
  assert.equal(found.messageId, conversation.messages[2].id);
});

test("attached files are searched", () => {
  const conversation = newConversation();
  add(conversation, null, { role: "user", content: "q", files: [{ name: "notes.txt", text: "about whales" }] });
  assert.equal(match(conversation, ["whales"]).hit, "whales");
});

test("the hit is near the beginning of what is shown", () => {
  const chinese = `${"很长的句子".repeat(9)}里面有熊猫和竹子`;
  const { before, hit, after } = around(chinese, patternOf(["熊猫"]));
  assert.deepEqual([before, hit, after], ["…的句子里面有".slice(0, 1) + "句子里面有".slice(-5), "熊猫", "和竹子"]);
  assert.ok(width(before) <= 11);
  assert.equal(
    around("In a rather long sentence a panda\neats", patternOf(["panda"])).before,
    "…sentence a ".slice(0, 1) + "a ",
  );
  assert.equal(around("a panda", patternOf(["panda"])).before, "a ");
});
