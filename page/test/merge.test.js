import assert from "node:assert/strict";
import test from "node:test";
import { add, branch, change, newConversation, siblings } from "../src/conversation.js";
import { mergeToKeep, mergeToShow } from "../src/merge.js";
import { Growth, newReply } from "../src/reply.js";
import { FleetingStore } from "../src/store.js";

const texts = (conversation) => branch(conversation).map(({ content }) => content);
const copy = (value) => structuredClone(value);

/** One conversation in two windows, and as it is kept. */
function twoWindows() {
  const a = newConversation("be brief");
  const question = add(a, null, { role: "user", content: "q1" });
  add(a, question.id, { role: "assistant", content: "a1", finish: "stop" });
  return { a, b: copy(a), kept: copy(a) };
}

test("questions that two windows ask from the same place are both kept, as versions", () => {
  const { a, b, kept } = twoWindows();
  const inA = add(a, a.leaf, { role: "user", content: "from A" });
  const inB = add(b, b.leaf, { role: "user", content: "from B" });
  mergeToKeep(kept, copy(a));
  mergeToKeep(kept, copy(b));
  assert.equal(kept.messages.length, 4);
  assert.deepEqual(
    siblings(kept, inA).map(({ id }) => id),
    [inA.id, inB.id],
  );
  assert.deepEqual(texts(mergeToShow(a, copy(kept))), ["q1", "a1", "from A"]); // each stays on its branch
  assert.deepEqual(texts(mergeToShow(b, copy(kept))), ["q1", "a1", "from B"]);
});

test("a window goes along where another went on from its end", () => {
  const { a, b, kept } = twoWindows();
  const question = add(a, a.leaf, { role: "user", content: "q2" });
  add(a, question.id, { ...newReply("m"), content: "a2" });
  mergeToKeep(kept, copy(a));
  assert.deepEqual(texts(mergeToShow(b, copy(kept))), ["q1", "a1", "q2", "a2"]);
});

test("of two states of a message the later one holds, whoever writes last", () => {
  const { a, b, kept } = twoWindows();
  const answer = add(a, a.leaf, newReply("m"));
  const growth = new Growth(answer, 0);
  mergeToShow(b, copy(a));
  growth.take({ choices: [{ delta: { content: "grown" } }] }, 1000);
  mergeToKeep(kept, copy(a));
  mergeToKeep(kept, copy(b)); // B knows it empty
  assert.equal(kept.messages.at(-1).content, "grown");
  const shown = b.messages.at(-1);
  mergeToShow(b, copy(kept));
  assert.equal(shown.content, "grown"); // the same object: what is drawn from it goes on
});

test("a title and a system prompt hold as they were changed last", () => {
  const { a, b, kept } = twoWindows();
  change(a, { title: "named in A" });
  a.isNamed = true;
  change(b, { system: "set in B" });
  mergeToKeep(kept, copy(a));
  mergeToKeep(kept, copy(b)); // with the old title
  assert.deepEqual([kept.title, kept.isNamed, kept.system], ["named in A", true, "set in B"]);
});

test("what an older page has kept is taken as it is", () => {
  const { a } = twoWindows();
  const old = copy(a);
  delete old.stamps;
  for (const message of old.messages) delete message.changed;
  assert.deepEqual(texts(mergeToKeep(copy(old), copy(old))), ["q1", "a1"]);
  add(old, old.leaf, { role: "user", content: "q2" });
  assert.deepEqual(texts(old), ["q1", "a1", "q2"]);
});

test("a browser that keeps nothing has the conversations until the page is closed", async () => {
  const store = new FleetingStore();
  const { a } = twoWindows();
  await store.put(a);
  assert.deepEqual(await store.list(), [{ id: a.id, title: "q1", updated: a.updated }]);
  assert.equal((await store.search("a1")).get(a.id).hit, "a1");
  await store.delete(a.id);
  assert.deepEqual(await store.all(), []);
});
