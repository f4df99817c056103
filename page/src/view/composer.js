// Where a message is written. Enter sends, but never while an input method composes.
import { tr } from "../lang.js";
import { iconButton } from "./button.js";
import { h } from "./dom.js";

/** Enter alone, finished composing (229: some browsers end the composition before they tell of the key). */
export function isSendingKey(event) {
  const isEnter = event.key === "Enter" && !event.shiftKey && !event.altKey;
  return isEnter && !event.isComposing && event.keyCode !== 229 && !(isTouched() && !event.ctrlKey && !event.metaKey);
}

/** On a phone's keyboard Enter is the only way to a new line; the button sends. */
const isTouched = () => matchMedia("(hover: none) and (pointer: coarse)").matches;

export class Composer {
  constructor({ onSend, onStop }) {
    this.onSend = onSend;
    const label = tr("Message", "消息");
    this.field = h("textarea", {
      id: "message",
      rows: "1",
      "aria-label": label,
      enterkeyhint: "send",
      autocomplete: "off",
    });
    this.field.placeholder = tr("Ask anything", "问点什么");
    this.field.addEventListener("input", () => this.#fit());
    this.field.addEventListener("keydown", (event) => {
      if (!isSendingKey(event)) return;
      event.preventDefault();
      this.#send();
    });
    this.send = iconButton("send", tr("Send", "发送"), () => this.#send(), { class: "send" });
    this.stop = iconButton("stop", tr("Stop", "停止"), onStop, { class: "send stop" });
    const box = h(
      "div",
      { class: "box", onclick: (event) => event.target === box && this.field.focus() },
      this.field,
      this.send,
      this.stop,
    );
    const hint = tr(
      "Enter sends, Shift+Enter begins a new line. The model can be wrong.",
      "Enter 发送，Shift+Enter 换行。模型可能出错。",
    );
    this.element = h("div", { class: "composer" }, box, h("p", { class: "hint" }, hint));
    this.setBusy(false);
  }

  get text() {
    return this.field.value;
  }

  set text(text) {
    this.field.value = text;
    this.#fit();
  }

  setBusy(isBusy) {
    this.isBusy = isBusy;
    this.send.hidden = isBusy;
    this.stop.hidden = !isBusy;
    this.#fit();
  }

  #send() {
    if (this.isBusy || !this.text.trim()) return;
    const text = this.text;
    this.text = "";
    this.onSend(text);
  }

  #fit() {
    this.send.disabled = !this.text.trim();
    this.field.style.height = "auto";
    if (this.field.isConnected) this.field.style.height = `${this.field.scrollHeight}px`;
  }
}
