// A conversation as a tree of messages: an edited question or a second answer is a sibling of the first. Pure data, JSON all the way.

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {string|null} parent
 * @property {"user"|"assistant"} role
 * @property {string} content
 * @property {string} [chosen] the child that was looked at last
 *
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} title
 * @property {boolean} isNamed whether a person gave the title
 * @property {number} created
 * @property {number} updated milliseconds
 * @property {string} system
 * @property {Message[]} messages in the order in which they were made
 * @property {string|null} leaf the last message of the branch that is shown
 * @property {string|null} first the first message of it
 */

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}

/** @returns {Conversation} */
export function newConversation(system = "", now = Date.now()) {
  return { id: newId(), title: "", isNamed: false, created: now, updated: now, system, messages: [], leaf: null };
}

export const find = (conversation, id) => conversation.messages.find((message) => message.id === id) ?? null;

/** The branch that is shown, first message first. @returns {Message[]} */
export function branch(conversation, leaf = conversation.leaf) {
  const path = [];
  for (let message = find(conversation, leaf); message; message = find(conversation, message.parent))
    path.push(message);
  return path.reverse();
}

/** Messages with the same parent, itself among them. @returns {Message[]} */
export const siblings = (conversation, { parent }) =>
  conversation.messages.filter((message) => message.parent === parent);

/** Add a message below `parent` (null: at the beginning) and show it. @returns {Message} */
export function add(conversation, parent, fields) {
  const message = { id: newId(), parent, created: Date.now(), ...fields };
  conversation.messages.push(message);
  show(conversation, message.id);
  if (!conversation.isNamed && !conversation.title && message.role === "user")
    conversation.title = titleOf(message.content);
  return message;
}

/** Show the branch through a message, down to where it was left. */
export function select(conversation, id) {
  for (let child; (child = lastChild(conversation, id));) id = child;
  show(conversation, id);
}

function lastChild(conversation, id) {
  const children = conversation.messages.filter((message) => message.parent === id);
  const chosen = find(conversation, id)?.chosen;
  return children.find((child) => child.id === chosen)?.id ?? children.at(-1)?.id;
}

function show(conversation, id) {
  conversation.leaf = id;
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
