// Where words stand in a conversation, and the text around the first of them. Pure.
import { isWide, width } from "./text/width.js";

/** @typedef {{messageId: string|null, before: string, hit: string, after: string}} Found `messageId` null: the title has it all */

const NEAR = 10; // columns shown before the hit: it must not be cut off on a narrow list
const FAR = 90; // characters of it and behind it

export const wordsOf = (query) => query.split(/\s+/).filter(Boolean);

/** Any of the words, whatever their case. */
export const patternOf = (words, flags = "iu") =>
  new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&")).join("|"), flags);

/** What of a message is searched: what was written, and what was attached. */
export const textOf = ({ content, files }) =>
  [content, ...(files ?? []).map(({ name, text }) => `${name}\n${text}`)].join("\n");

/** @returns {Found|null} null where a word is missing */
export function match({ title, messages }, words) {
  const patterns = words.map((word) => patternOf([word]));
  const count = (text) => patterns.filter((pattern) => pattern.test(text)).length;
  if (count(title) === words.length) return { messageId: null, before: "", hit: "", after: "" };
  const texts = messages.map(textOf);
  if (count([title, ...texts].join("\n")) < words.length) return null;
  const counts = texts.map(count);
  const best = counts.indexOf(Math.max(...counts));
  return { messageId: messages[best].id, ...around(texts[best], patternOf(words)) };
}

/** The text around a hit, in one line. */
export function around(text, pattern) {
  const { index, 0: hit } = pattern.exec(text);
  const flat = (part) => part.replace(/\s+/g, " ");
  const earlier = flat(text.slice(Math.max(0, index - 4 * NEAR), index));
  const near = lastColumns(earlier, NEAR);
  const isCut = near.length < earlier.length || index > 4 * NEAR;
  return {
    before: `${isCut ? "…" : ""}${near}`,
    hit: flat(hit),
    after: flat(text.slice(index + hit.length, index + hit.length + FAR)),
  };
}

/** The end of a text, as much as fits into so many columns; it begins with a whole word where words have spaces. */
function lastColumns(text, columns) {
  const characters = [...text];
  let from = characters.length;
  for (let left = columns; from > 0 && (left -= width(characters[from - 1])) >= 0;) from--;
  const end = characters.slice(from).join("");
  const isInWord = from > 0 && /[\p{L}\p{N}]/u.test(characters[from - 1]) && !isWide(characters[from - 1]);
  return isInWord && /\s\S/.test(end) && !isWide(end[0]) ? end.replace(/^\S*\s+/, "") : end;
}
