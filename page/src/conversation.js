// A conversation as a tree of messages: an edited question or a second answer is a sibling of the first. Pure data, JSON all the way.
// Two windows may change one conversation: what each knows is brought together in `merge.js`.

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {string|null} parent
 * @property {"user"|"assistant"} role
 * @property {string} content
 * @property {number} changed milliseconds; of two states of a message the later holds
 * @property {{name: string, text: string}[]} [files] what was attached to a question
 * @property {string} [chosen] the child that was looked at last
 *
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} title
 * @property {boolean} isNamed whether a person gave the title
 * @property {number} created
 * @property {number} updated milliseconds
 * @property {string} system the prompt with which it began
 * @property {Message[]} messages in the order in which they were made
 * @property {string|null} leaf the last message of the branch that is shown
 * @property {Record<"title"|"system"|"leaf", number>} stamps when each was changed
 */

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}

/** @returns {Conversation} */
export function newConversation(system = "", now = Date.now()) {
  const fields = { title: "", isNamed: false, system, messages: [], leaf: null, stamps: {} };
  return { id: newId(), created: now, updated: now, ...fields };
}

/** Now, but later than `before` even where the clock stands still or was set back. */
export const later = (before) => Math.max(Date.now(), (before ?? 0) + 1);

/** Change fields of a conversation, each with the moment at which that was done. */
export function change(conversation, fields) {
  Object.assign(conversation, fields);
  conversation.stamps ??= {}; // kept by an older page
  for (const name of Object.keys(fields)) conversation.stamps[name] = later(conversation.stamps[name]);
}

export const find = (conversation, id) => conversation.messages.find((message) => message.id === id) ?? null;

/** The branch that is shown, first message first. @returns {Message[]} */
export function branch(conversation, leaf = conversation.leaf) {
  const path = [];
  for (let message = find(conversation, leaf); message; message = find(conversation, message.parent))
    path.push(message);
  return path.reverse();
}

/** Messages with the same parent, itself among them, in the order in which they were made. @returns {Message[]} */
export const siblings = (conversation, { parent }) => childrenOf(conversation, parent);

const childrenOf = (conversation, id) =>
  conversation.messages
    .filter(({ parent }) => parent === id)
    .sort((one, other) => (one.created ?? 0) - (other.created ?? 0));

/** Add a message below `parent` (null: at the beginning) and show it. @returns {Message} */
export function add(conversation, parent, fields) {
  const now = Date.now();
  const message = { id: newId(), parent, created: now, changed: now, ...fields };
  conversation.messages.push(message);
  show(conversation, message.id);
  if (!conversation.isNamed && !conversation.title && message.role === "user")
    conversation.title = titleOf(message.content || (message.files?.[0]?.name ?? ""));
  return message;
}

/** Show the branch through a message, down to where it was left. */
export function select(conversation, id) {
  for (let child; (child = lastChild(conversation, id));) id = child;
  show(conversation, id);
}

function lastChild(conversation, id) {
  const children = childrenOf(conversation, id);
  const chosen = find(conversation, id)?.chosen;
  return children.find((child) => child.id === chosen)?.id ?? children.at(-1)?.id;
}

function show(conversation, id) {
  change(conversation, { leaf: id });
  for (let message = find(conversation, id); message?.parent; message = find(conversation, message.parent)) {
    find(conversation, message.parent).chosen = message.id;
  }
}

/** The first line of a question, cut at a word where that is near. */
export function titleOf(text, length = 48) {
  const line = text.trim().split("\n", 1)[0].replace(/\s+/g, " ");
  const characters = [...line];
  if (characters.length <= length) return line;
  const cut = characters.slice(0, length).join("");
  return `${cut.replace(/\s+\S{0,12}$/, "")}…`;
}
