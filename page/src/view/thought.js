// The model's thought: open and following while it runs, folded to one line when it is over.
import { numThoughtTokens, thoughtSeconds } from "../figures.js";
import { count, duration, tr } from "../lang.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const ENDS = {
  budget: () => tr("closed at its budget", "达到预算后结束"),
  loop: () => tr("closed because it went in circles", "因重复而结束"),
  answer_now: () => tr("closed on request", "应要求结束"),
  unfinished: () => tr("not finished", "未完成"),
};

export class ThoughtView {
  #isOpen = null; // null: nobody has folded or unfolded it
  #shown = "";

  constructor(onAnswerNow) {
    this.label = h("span", { class: "thought-label" });
    this.toggle = h(
      "button",
      { type: "button", class: "thought-toggle", onclick: () => this.#flip() },
      icon("right"),
      this.label,
    );
    this.now = h("button", { type: "button", class: "answer-now", onclick: onAnswerNow }, tr("Answer now", "立即回答"));
    this.text = h("div", { class: "thought-text", tabindex: "0" });
    this.element = h(
      "section",
      { class: "thought", hidden: true },
      h("div", { class: "thought-head" }, this.toggle, this.now),
      this.text,
    );
  }

  /** @param {boolean} isThinking @param {boolean} canAnswerNow whether the server knows how to close a thought */
  update(message, isThinking, canAnswerNow) {
    this.element.hidden = !message.thought && !message.notes.length;
    if (this.element.hidden) return;
    this.isThinking = isThinking;
    this.element.classList.toggle("is-running", isThinking);
    this.label.textContent = isThinking ? running(message) : finished(message);
    this.now.hidden = !(isThinking && canAnswerNow);
    this.#fold();
    this.#write(message.thought.trim() + message.notes.map((note) => `\n\n— ${note}`).join(""));
  }

  /** Appending keeps a long thought cheap. */
  #write(text) {
    if (text === this.#shown) return;
    const isAtEnd = this.text.scrollHeight - this.text.scrollTop - this.text.clientHeight < 24;
    if (text.startsWith(this.#shown)) this.text.append(text.slice(this.#shown.length));
    else this.text.textContent = text;
    this.#shown = text;
    if (this.isThinking && isAtEnd) this.text.scrollTop = this.text.scrollHeight;
  }

  #flip() {
    this.#isOpen = !this.isOpen;
    this.#fold();
  }

  get isOpen() {
    return this.#isOpen ?? this.isThinking;
  }

  #fold() {
    this.text.hidden = !this.isOpen;
    this.toggle.setAttribute("aria-expanded", String(this.isOpen));
  }
}

function running(message) {
  return `${tr("Thinking", "正在思考")} · ${duration(thoughtSeconds(message))}`;
}

function finished(message) {
  const tokens = numThoughtTokens(message);
  const parts = [
    tr(`Thought for ${duration(thoughtSeconds(message))}`, `思考了 ${duration(thoughtSeconds(message))}`),
    tokens && tr(`${count(tokens)} tokens`, `${count(tokens)} 个 token`),
    ENDS[message.thoughtEnd]?.(),
  ];
  return parts.filter(Boolean).join(" · ");
}
