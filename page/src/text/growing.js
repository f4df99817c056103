// Markdown that grows: finished blocks are drawn once, only the last is drawn anew. What one redraw costs sets how often it is done.
import { lastBlock, offsetOfLine } from "./blocks.js";
import { dressCode } from "./code.js";
import { fillFormulas } from "./formula.js";
import { parse, renderTokens } from "./markdown.js";

export class GrowingMarkdown {
  #shown = ""; // all text that was drawn
  #fixed = 0; // characters of it in finished blocks
  #live; // holds the last block

  constructor(element) {
    this.element = element;
    this.#live = element.ownerDocument.createElement("div");
    this.#live.className = "live";
    element.replaceChildren(this.#live);
  }

  /** Show a text. Where it goes on from what was shown, only its end is drawn. */
  show(given) {
    const text = given.replace(/\r\n?/g, "\n"); // as the parser counts lines
    if (text === this.#shown) return;
    if (!text.startsWith(this.#shown.slice(0, this.#fixed)) || text.length < this.#fixed) this.#restart();
    this.#shown = text;
    const tail = text.slice(this.#fixed);
    const tokens = parse(tail);
    const { index, line } = lastBlock(tokens);
    if (line > 0) {
      this.#live.before(dressed(tokens.slice(0, index)));
      this.#fixed += offsetOfLine(tail, line);
    }
    this.#live.replaceChildren(dressed(tokens.slice(index)));
  }

  #restart() {
    this.element.replaceChildren(this.#live);
    this.#fixed = 0;
  }
}

function dressed(tokens) {
  const fragment = renderTokens(tokens);
  fillFormulas(fragment);
  dressCode(fragment);
  return fragment;
}
