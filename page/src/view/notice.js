// Short words at the edge of the page: a line for screen readers, and a note that goes away by itself.
import { h } from "./dom.js";

const spoken = h("div", { class: "away", role: "status", "aria-live": "polite" });
const shown = h("div", { class: "notice", role: "alert", hidden: true });
let timer = 0;

export const noticeElements = [spoken, shown];

/** For those who listen to the page. */
export function say(sentence) {
  spoken.textContent = sentence;
}

/** For everybody, for some seconds. */
export function note(sentence) {
  shown.textContent = sentence;
  shown.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (shown.hidden = true), 5000);
}
