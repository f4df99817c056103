// Fills formula placeholders with KaTeX. It builds nodes and sets styles through the DOM, so the strict policy holds.
import katex from "katex";

/** @param {ParentNode} root */
export function fillFormulas(root) {
  for (const place of root.querySelectorAll(".formula[data-tex]")) {
    katex.render(place.dataset.tex, place, {
      displayMode: place.tagName === "DIV",
      throwOnError: false,
      trust: false, // no links, images or classes out of a formula
      strict: "ignore",
      maxExpand: 500,
      maxSize: 40,
    });
    place.removeAttribute("data-tex");
  }
}
