// Marks words in what is shown, without touching its nodes: the browser's own highlights. One that has none shows no marks.
import { patternOf } from "../search.js";

const NAME = "found";
let ranges = [];

/** Mark every place of the words below `root`; no words: no marks. @param {string[]} words */
export function mark(root, words) {
  if (!words.length && !ranges.length) return;
  ranges = words.length ? [...rangesOf(root, patternOf(words, "giu"))] : [];
  if (!globalThis.CSS?.highlights) return;
  if (ranges.length) CSS.highlights.set(NAME, new Highlight(...ranges));
  else CSS.highlights.delete(NAME);
}

/** The first marked place in an element. @returns {Range|undefined} */
export const firstMark = (element) => ranges.find((range) => element.contains(range.startContainer));

function* rangesOf(root, pattern) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node; (node = texts.nextNode());) {
    if (node.parentElement.closest("button, textarea, .figures")) continue;
    for (const { index, 0: hit } of node.data.matchAll(pattern)) {
      const range = new Range();
      range.setStart(node, index);
      range.setEnd(node, index + hit.length);
      yield range;
    }
  }
}
