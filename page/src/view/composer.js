// Where a message is written, with the text files that go along. Enter sends, but never while an input method composes.
import { size } from "../attachment.js";
import { tr } from "../lang.js";
import { iconButton } from "./button.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** Enter alone, finished composing (229: some browsers end the composition before they tell of the key). */
export function isSendingKey(event) {
  const isEnter = event.key === "Enter" && !event.shiftKey && !event.altKey;
  return isEnter && !event.isComposing && event.keyCode !== 229 && !(isTouched() && !event.ctrlKey && !event.metaKey);
}

/** On a phone's keyboard Enter is the only way to a new line; the button sends. */
export const isTouched = () => matchMedia("(hover: none) and (pointer: coarse)").matches;

/** A file's name and size. @param {import("../attachment.js").Attachment} file */
export const fileLabel = ({ name, text }) => [
  icon("file"),
  h("span", { class: "name" }, name),
  h("small", {}, size(text)),
];

export class Composer {
  #files = [];

  constructor({ actions }) {
    this.actions = actions;
    const label = tr("Message", "消息");
    this.field = h("textarea", {
      id: "message",
      rows: "1",
      "aria-label": label,
      enterkeyhint: "send",
      autocomplete: "off",
    });
    this.field.placeholder = tr("Ask anything", "问点什么");
    this.field.addEventListener("input", () => this.#changed());
    this.field.addEventListener("paste", (event) => this.#pasted(event));
    this.field.addEventListener("keydown", (event) => {
      if (!isSendingKey(event)) return;
      event.preventDefault();
      this.#send();
    });
    this.clip = iconButton("clip", tr("Attach text files", "添加文本文件"), () => actions.attach(), {
      class: "attach",
    });
    this.send = iconButton("send", tr("Send", "发送"), () => this.#send(), { class: "send" });
    this.stop = iconButton("stop", tr("Stop", "停止"), actions.stop, { class: "send stop" });
    this.chips = h("div", { class: "chips", hidden: true });
    const row = h("div", { class: "row" }, this.clip, this.field, this.send, this.stop);
    const box = h(
      "div",
      { class: "box", onclick: ({ target }) => target === row && this.field.focus() },
      this.chips,
      row,
    );
    const hint = tr(
      "Enter sends, Shift+Enter begins a new line. The model can be wrong.",
      "Enter 发送，Shift+Enter 换行。模型可能出错。",
    );
    this.element = h("div", { class: "composer" }, box, h("p", { class: "hint" }, hint));
    this.setBusy(false);
  }

  /** @returns {import("../draft.js").Draft} */
  get draft() {
    return { text: this.field.value, files: this.#files };
  }

  set draft({ text, files }) {
    this.field.value = text;
    this.#files = files;
    this.#showChips();
    this.#fit();
  }

  /** @param {import("../attachment.js").Attachment} file */
  attach(file) {
    this.#files = [...this.#files.filter(({ name }) => name !== file.name), file];
    this.#showChips();
    this.#changed();
    this.field.focus();
  }

  setBusy(isBusy) {
    this.isBusy = isBusy;
    this.send.hidden = isBusy;
    this.stop.hidden = !isBusy;
    this.#fit();
  }

  get #isEmpty() {
    return !this.field.value.trim() && !this.#files.length;
  }

  #send() {
    if (this.isBusy || this.#isEmpty) return;
    const { text, files } = this.draft;
    this.draft = { text: "", files: [] };
    this.actions.keepDraft();
    this.actions.send(text, files);
  }

  #changed() {
    this.#fit();
    this.actions.keepDraft();
  }

  /** A file from the clipboard; text with a picture of itself, as spreadsheets give it, is text. */
  #pasted(event) {
    const { files, types } = event.clipboardData;
    if (!files.length || types.includes("text/plain")) return;
    event.preventDefault();
    this.actions.attach([...files]);
  }

  #showChips() {
    this.chips.hidden = !this.#files.length;
    const chips = this.#files.map((file) => {
      const remove = iconButton("close", tr(`Remove ${file.name}`, `移除 ${file.name}`), () => this.#remove(file));
      return h("span", { class: "chip" }, ...fileLabel(file), remove);
    });
    this.chips.replaceChildren(...chips);
  }

  #remove(file) {
    this.#files = this.#files.filter((one) => one !== file);
    this.#showChips();
    this.#changed();
    this.field.focus();
  }

  #fit() {
    this.send.disabled = this.#isEmpty;
    this.field.style.height = "auto";
    if (this.field.isConnected) this.field.style.height = `${this.field.scrollHeight}px`;
  }
}
