// A question on the screen: it can be edited; what is very long is folded, and so are the files that came along.
import { count, tr } from "../lang.js";
import { iconButton } from "./button.js";
import { fileLabel } from "./composer.js";
import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { editor } from "./editor.js";
import { versions } from "./versions.js";

const FOLDED = 1500; // characters, or …
const FOLDED_LINES = 16; // … lines from which a text is folded

export class QuestionView {
  #open = new Set(); // which of the texts were unfolded: "" is the question, else a file's name

  constructor(message, context) {
    Object.assign(this, { message, context });
    this.element = h("article", { class: "message user", "aria-label": tr("You", "我"), "data-id": message.id });
    this.update();
  }

  update() {
    const { message, context } = this;
    if (this.isEdited) return;
    const edit = iconButton("edit", tr("Edit", "编辑"), () => this.#edit(), { disabled: context.isBusy });
    const copy = copyButton(() => message.content, tr("Copy", "复制"));
    const actions = h("div", { class: "actions" }, versions(message, context), copy, edit);
    const files = (message.files ?? []).flatMap((file) => this.#file(file));
    this.element.replaceChildren(...files, ...this.#said(), actions);
  }

  /** Everything in it can be seen: what was searched may stand anywhere. */
  unfold() {
    for (const name of ["", ...(this.message.files ?? []).map((file) => file.name)]) this.#open.add(name);
    this.update();
  }

  #said() {
    const { content } = this.message;
    if (!content) return [];
    const isLong = content.length > FOLDED || content.split("\n", FOLDED_LINES + 1).length > FOLDED_LINES;
    const isFolded = isLong && !this.#open.has("");
    const said = h(
      "div",
      { class: isFolded ? "said is-folded" : "said" },
      isFolded ? content.slice(0, FOLDED) : content,
    );
    const more = tr(`Show all ${count(content.length)} characters`, `展开全部 ${count(content.length)} 字`);
    return isLong ? [said, this.#toggle("", [isFolded ? more : tr("Show less", "收起")], "unfold")] : [said];
  }

  #file(file) {
    const toggle = this.#toggle(file.name, fileLabel(file), "chip");
    return this.#open.has(file.name) ? [toggle, h("pre", { class: "said file", tabindex: "0" }, file.text)] : [toggle];
  }

  #toggle(name, label, kind) {
    const isOpen = this.#open.has(name);
    const flip = () => {
      if (isOpen) this.#open.delete(name);
      else this.#open.add(name);
      this.update();
      this.element.querySelector(`[data-fold="${CSS.escape(name)}"]`)?.focus();
    };
    return h(
      "button",
      { type: "button", class: kind, "aria-expanded": String(isOpen), "data-fold": name, onclick: flip },
      ...label,
    );
  }

  #edit() {
    const { message, context } = this;
    this.isEdited = true;
    const leave = (text) => {
      this.isEdited = false;
      this.update();
      if (text?.trim()) context.actions.edit(message, text);
    };
    editor(this.element, message.content, tr("Edit the message", "编辑消息"), tr("Send", "发送"), leave);
  }
}
