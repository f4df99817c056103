// What is being written, kept in this window over a reload. Another window has its own.

const PLACE = "zhinao.draft";

/** @typedef {{text: string, files: import("./attachment.js").Attachment[]}} Draft */

/** @param {Draft} draft */
export function keepDraft(draft) {
  if (!draft.text && !draft.files.length) return attempt(() => sessionStorage.removeItem(PLACE));
  const kept = attempt(() => sessionStorage.setItem(PLACE, JSON.stringify(draft)) ?? true);
  if (!kept) attempt(() => sessionStorage.setItem(PLACE, JSON.stringify({ text: draft.text, files: [] }))); // files too long
}

/** @returns {Draft} */
export function keptDraft() {
  const { text, files } = attempt(() => JSON.parse(sessionStorage.getItem(PLACE))) ?? {};
  return { text: typeof text === "string" ? text : "", files: Array.isArray(files) ? files : [] };
}

/** A browser that keeps nothing, or is full, must not stop the writing. */
function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
