// An answer as its tokens, tinted by how likely each was; a click on one tells the figure.
import { tr } from "../lang.js";
import { place } from "./button.js";
import { h } from "./dom.js";

/** @param {{text: string, logprob: number, alternatives?: [string, number][]}[]} tokens */
export function probabilityView(tokens) {
  const view = h("div", {
    class: "tokens",
    role: "group",
    "aria-label": tr("Tokens with their probabilities", "token 及其概率"),
  });
  for (const token of tokens) {
    const probability = Math.exp(token.logprob);
    const name = `${visible(token.text)} ${percent(probability)}`;
    const one = h(
      "button",
      { type: "button", class: "token", "aria-label": name, onclick: () => tell(one, token) },
      token.text,
    );
    one.style.setProperty("--doubt", (1 - probability).toFixed(3));
    view.append(one);
  }
  return view;
}

function tell(anchor, { text, logprob, alternatives }) {
  const rows = (alternatives ?? [[text, logprob]]).map(([other, value]) => row(other, value, other === text));
  const bubble = h(
    "div",
    { class: "bubble", popover: "auto", role: "dialog", "aria-label": tr("Probability", "概率") },
    ...rows,
  );
  bubble.addEventListener("toggle", (event) => event.newState === "closed" && bubble.remove());
  document.body.append(bubble);
  bubble.showPopover();
  place(bubble, anchor);
}

function row(text, logprob, isChosen) {
  const probability = Math.exp(logprob);
  const bar = h("span", { class: "bar" });
  bar.style.setProperty("--share", probability.toFixed(4));
  const figure = h("span", { class: "figure" }, percent(probability));
  return h("div", { class: isChosen ? "row chosen" : "row" }, h("code", {}, visible(text)), bar, figure);
}

const visible = (text) => text.replaceAll(" ", "␣").replaceAll("\n", "↵").replaceAll("\t", "⇥") || "∅";

const percent = (share) => `${(100 * share).toFixed(share > 0.1 ? 1 : 2)} %`;
