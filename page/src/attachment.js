// Text files that go along with a question: read, checked, and written into the request. Knows no screen.
import { tr } from "./lang.js";

/** @typedef {{name: string, text: string}} Attachment */

const MAX_BYTES = 1 << 20; // several times what any of these models reads

/** @param {File} file @returns {Promise<Attachment>} Throws Error with a sentence */
export async function attachment(file) {
  const { name } = file;
  if (file.size > MAX_BYTES)
    throw new Error(tr(`${name} is too long to be attached: 1 MB at most.`, `${name} 太大，附件最多 1 MB。`));
  const text = decoded(new Uint8Array(await file.arrayBuffer()));
  if (text === null)
    throw new Error(
      tr(`${name} is no text file; the model reads text alone.`, `${name} 不是文本文件，模型只能读取文本。`),
    );
  if (!text.trim()) throw new Error(tr(`${name} is empty.`, `${name} 是空文件。`));
  return { name, text };
}

/** Bytes as text, in the encodings that text files in Chinese and English have, or null. @param {Uint8Array} bytes */
export function decoded(bytes) {
  const mark =
    bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : null;
  for (const encoding of mark ? [mark] : ["utf-8", "gb18030"]) {
    const text = tried(bytes, encoding);
    // Other control characters than tabs, line ends, form feeds and colours of a terminal: no text.
    if (text !== null && !/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text)) return text.replace(/\r\n?/g, "\n");
  }
  return null;
}

function tried(bytes, encoding) {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** A question with its files before it, each between fences longer than any inside. @param {Attachment[]} [files] */
export function withFiles(content, files = []) {
  return [...files.map(fenced), content].filter(Boolean).join("\n\n");
}

function fenced({ name, text }) {
  const longest = Math.max(2, ...[...text.matchAll(/^\s*(`{3,})/gm)].map(([, fence]) => fence.length));
  const fence = "`".repeat(longest + 1);
  return `${name}\n${fence}\n${text.replace(/\n$/, "")}\n${fence}`;
}

/** `3.2 kB` of UTF-8. */
export function size(text) {
  const bytes = new TextEncoder().encode(text).length;
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(bytes < 9950 ? 1 : 0)} kB`;
}
