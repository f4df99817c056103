// Conversations as files: JSON that can be imported again, Markdown to read.
import { withFiles } from "./attachment.js";
import { branch, newConversation, newId } from "./conversation.js";
import { tr } from "./lang.js";

const FORMAT = "zhinao-conversations";

export function toJson(conversations) {
  return JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 1);
}

/** The conversations in a file, under ids of their own. Throws Error with a sentence. */
export function fromJson(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(tr("The file is not JSON.", "文件不是 JSON。"));
  }
  if (value?.format !== FORMAT || !Array.isArray(value.conversations)) {
    throw new Error(tr("The file holds no conversations exported from this page.", "文件中没有从本页面导出的对话。"));
  }
  return value.conversations.map(checked);
}

/** Only known fields of known types come in: a file is no more to be trusted than a model. */
function checked(given, n) {
  const messages = Array.isArray(given?.messages) ? given.messages : [];
  const ids = new Set();
  const good = messages.every(({ id, parent, role, content } = {}) => {
    const isGood =
      text(id) && (parent === null || ids.has(parent)) && ["user", "assistant"].includes(role) && text(content);
    ids.add(id);
    return isGood;
  });
  if (!good || !Array.isArray(given?.messages)) {
    throw new Error(tr(`Conversation ${n + 1} in the file is damaged.`, `文件中第 ${n + 1} 个对话已损坏。`));
  }
  return {
    ...newConversation(text(given.system) ? given.system : ""),
    id: newId(),
    title: text(given.title) ? given.title : "",
    isNamed: given.isNamed === true,
    created: Number(given.created) || Date.now(),
    updated: Number(given.updated) || Date.now(),
    messages: messages.map(message),
    leaf: ids.has(given.leaf) ? given.leaf : (messages.at(-1)?.id ?? null),
  };
}

function message(given) {
  const { id, parent, role, content } = given;
  const kept = { id, parent, role, content, created: Number(given.created) || 0, changed: Number(given.changed) || 0 };
  if (text(given.chosen)) kept.chosen = given.chosen;
  const files = Array.isArray(given.files) ? given.files.filter((one) => text(one?.name) && text(one?.text)) : [];
  if (role === "user") return files.length ? { ...kept, files: files.map(({ name, text }) => ({ name, text })) } : kept;
  const tokens = Array.isArray(given.tokens) ? given.tokens.filter((one) => text(one?.text)).map(token) : [];
  return {
    ...kept,
    thought: text(given.thought) ? given.thought : "",
    notes: Array.isArray(given.notes) ? given.notes.filter(text) : [],
    tokens,
    finish: text(given.finish) ? given.finish : "stopped",
    error: null,
    model: text(given.model) ? given.model : null,
    ...(text(given.thoughtEnd) ? { thoughtEnd: given.thoughtEnd } : {}),
    ...numbers(given, ["seconds", "firstSeconds", "thoughtSeconds", "numChunks"]),
    ...(given.earlier ? { earlier: earlier(given.earlier) } : {}),
    ...(given.usage ? { usage: usage(given.usage) } : {}),
  };
}

const text = (value) => typeof value === "string";
const token = (one) => ({ text: one.text, logprob: Number(one.logprob) || 0, isThought: one.isThought === true });
const numbers = (from, names) =>
  Object.fromEntries(names.filter((name) => Number.isFinite(from[name])).map((name) => [name, from[name]]));

function usage(given) {
  const thought = Number(given.completion_tokens_details?.reasoning_tokens) || 0;
  return {
    ...numbers(given, ["prompt_tokens", "completion_tokens", "total_tokens"]),
    completion_tokens_details: { reasoning_tokens: thought },
  };
}

const earlier = (given) => ({
  ...{ tokens: 0, seconds: 0, thoughtTokens: 0, thoughtSeconds: 0 },
  ...numbers(given, ["tokens", "seconds", "thoughtTokens", "thoughtSeconds"]),
  isEstimate: given.isEstimate === true,
});

/** The branch that is shown, thoughts folded. */
export function toMarkdown(conversation) {
  const parts = [`# ${conversation.title || tr("Conversation", "对话")}`];
  if (conversation.system) parts.push(`> **${tr("System", "系统提示")}**\n${quoted(conversation.system)}`);
  for (const { role, content, thought, files } of branch(conversation)) {
    parts.push(`## ${role === "user" ? tr("You", "我") : tr("Assistant", "助手")}`);
    if (thought) parts.push(`<details><summary>${tr("Thought", "思考")}</summary>\n\n${thought.trim()}\n\n</details>`);
    parts.push(withFiles(content.trim(), files));
  }
  return `${parts.join("\n\n")}\n`;
}

const quoted = (block) =>
  block
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");

/** A file name out of a title, safe on every system. */
export function fileName(title, ending) {
  const name = [...title.replace(/[\p{C}\p{P}\p{S}\s]+/gu, "-").replace(/^-+|-+$/g, "")].slice(0, 48).join("");
  return `${name || "zhinao"}.${ending}`;
}
