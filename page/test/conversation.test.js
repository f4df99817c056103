import assert from "node:assert/strict";
import test from "node:test";
import { add, branch, find, newConversation, select, siblings, titleOf } from "../src/conversation.js";

const texts = (conversation) => branch(conversation).map(({ content }) => content);

function talk() {
  const talk = newConversation();
  const q1 = add(talk, null, { role: "user", content: "q1" });
  const a1 = add(talk, q1.id, { role: "assistant", content: "a1" });
  const q2 = add(talk, a1.id, { role: "user", content: "q2" });
  add(talk, q2.id, { role: "assistant", content: "a2" });
  return { talk, q1, a1, q2 };
}

test("an edit makes a sibling and leaves the old branch whole", () => {
  const { talk: c, a1, q2 } = talk();
  const edited = add(c, q2.parent, { role: "user", content: "q2 again" });
  assert.deepEqual(texts(c), ["q1", "a1", "q2 again"]);
  assert.deepEqual(
    siblings(c, edited).map(({ id }) => id),
    [q2.id, edited.id],
  );
  select(c, q2.id);
  assert.deepEqual(texts(c), ["q1", "a1", "q2", "a2"]);
  assert.equal(find(c, a1.id).chosen, q2.id);
});

test("a branch is found again where it was left", () => {
  const { talk: c, q1, a1, q2 } = talk();
  add(c, q2.id, { role: "assistant", content: "a2 again" });
  select(c, c.messages[3].id); // back to the first a2
  const other = add(c, q1.id, { role: "assistant", content: "a1 again" });
  assert.deepEqual(texts(c), ["q1", "a1 again"]);
  select(c, a1.id);
  assert.deepEqual(texts(c), ["q1", "a1", "q2", "a2"]);
  select(c, other.id);
  assert.deepEqual(texts(c), ["q1", "a1 again"]);
});

test("an edit of the first question is a second root", () => {
  const { talk: c, q1 } = talk();
  const root = add(c, null, { role: "user", content: "other" });
  assert.equal(siblings(c, root).length, 2);
  select(c, q1.id);
  assert.equal(texts(c).length, 4);
});

test("the title is the first line, cut by characters and not inside one", () => {
  assert.equal(talk().talk.title, "q1");
  assert.equal(titleOf("hello\nworld"), "hello");
  assert.equal(titleOf("😀".repeat(60)), `${"😀".repeat(48)}…`);
  assert.equal(titleOf("one two three four", 10), "one two…");
});
