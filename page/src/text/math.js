// Formulas in Markdown: $…$, $$…$$, \(…\), \[…\] become placeholders that `formula.js` fills. Money stays money.

/** @param {import("markdown-it").default} md */
export function mathRules(md) {
  md.inline.ruler.before("escape", "formula", inlineFormula);
  md.block.ruler.before("fence", "formula", blockFormula, { alt: ["paragraph", "reference", "blockquote", "list"] });
  md.renderer.rules.formula = (tokens, n) => {
    const { content, meta } = tokens[n];
    const tag = meta.isDisplay ? "div" : "span";
    return `<${tag} class="formula" data-tex="${md.utils.escapeHtml(content)}"></${tag}>`;
  };
}

const PAIRS = [
  { open: "$$", close: "$$", isDisplay: true },
  { open: "\\[", close: "\\]", isDisplay: true },
  { open: "\\(", close: "\\)", isDisplay: false },
];

function inlineFormula(state, silent) {
  const { src, pos } = state;
  const found = paired(src, pos) ?? dollars(src, pos);
  if (!found) return false;
  if (!silent) push(state, found.tex, found.isDisplay, true);
  state.pos = found.end;
  return true;
}

function paired(src, pos) {
  const pair = PAIRS.find(({ open }) => src.startsWith(open, pos));
  if (!pair) return null;
  const end = src.indexOf(pair.close, pos + 2);
  const tex = src.slice(pos + 2, end).trim();
  return end < 0 || !tex ? null : { tex, isDisplay: pair.isDisplay, end: end + 2 };
}

/** A formula between single dollars that begins at `pos`, or null. The rule for the signs is pandoc's. */
export function dollars(src, pos) {
  if (src[pos] !== "$" || /[\p{L}\p{N}$\\]/u.test(src[pos - 1] ?? "") || /[\s$]|^$/.test(src[pos + 1] ?? ""))
    return null;
  for (let end = pos + 1; end < src.length; end++) {
    if (src[end] === "\\") end++;
    else if (src.startsWith("\n\n", end)) return null;
    else if (src[end] === "$") {
      const tex = src.slice(pos + 1, end);
      const isEnd = !/\s/.test(src[end - 1]) && !/[0-9$]/.test(src[end + 1] ?? "");
      return isEnd && !isMoney(tex) ? { tex, isDisplay: false, end: end + 1 } : null;
    }
  }
  return null;
}

/** `$20 for a US$`: an amount and words, without any sign that a formula would have. */
function isMoney(tex) {
  return /^\d[\d.,]*\s*[\p{L}(,.;:–-]/u.test(tex) && /\s|[,.;:]$/.test(tex) && !/[\\^_={}<>+*]/.test(tex);
}

/** `$$` or `\[` at the beginning of a line, up to the line that ends with its partner. */
function blockFormula(state, startLine, endLine, silent) {
  const start = state.bMarks[startLine] + state.tShift[startLine];
  const pair = PAIRS.slice(0, 2).find(({ open }) => state.src.startsWith(open, start));
  if (!pair || state.sCount[startLine] - state.blkIndent >= 4) return false;
  const lines = [];
  for (let line = startLine; line < endLine; line++) {
    if (line > startLine && state.sCount[line] < state.blkIndent && !state.isEmpty(line)) break;
    const from = line === startLine ? start + 2 : state.bMarks[line] + state.tShift[line];
    const text = state.src.slice(from, state.eMarks[line]).trimEnd();
    const at = text.indexOf(pair.close);
    if (at >= 0 && at + 2 !== text.length) return false; // words behind it: a paragraph with a formula in it
    lines.push(at < 0 ? text : text.slice(0, at));
    if (at < 0) continue;
    if (!silent) {
      state.line = line + 1;
      push(state, lines.join("\n").trim(), true, false).map = [startLine, state.line];
    }
    return true;
  }
  return false;
}

function push(state, tex, isDisplay, isInline) {
  const token = state.push("formula", isDisplay && !isInline ? "div" : "span", 0);
  token.block = !isInline;
  token.content = tex;
  token.meta = { isDisplay };
  return token;
}
