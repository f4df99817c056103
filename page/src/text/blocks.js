// Where the blocks of a Markdown text lie. Draws nothing.

/** Where the last top-level block of markdown-it's `tokens` begins: its index and its first line. */
export function lastBlock(tokens) {
  for (let n = tokens.length - 1; n >= 0; n--) {
    if (tokens[n].level === 0 && tokens[n].nesting >= 0) return { index: n, line: tokens[n].map?.[0] ?? 0 };
  }
  return { index: 0, line: 0 };
}

/** @returns {number} characters before line `line`, counted from 0 */
export function offsetOfLine(text, line) {
  let at = 0;
  for (let n = 0; n < line; n++) at = text.indexOf("\n", at) + 1;
  return at;
}
