// The system prompt of the conversation that is shown: one line at its beginning, which opens and can be edited.
import { tr } from "../lang.js";
import { iconButton } from "./button.js";
import { h } from "./dom.js";
import { editor } from "./editor.js";
import { icon } from "./icons.js";

export class SystemView {
  #isOpen = false;

  constructor(context) {
    this.context = context;
    this.element = h("section", { class: "system", "aria-label": tr("System prompt", "系统提示") });
  }

  update() {
    const { conversation, isBusy } = this.context;
    if (this.isEdited) return;
    const text = conversation.system;
    const label = h(
      "span",
      { class: "system-label" },
      h("b", {}, tr("System prompt", "系统提示")),
      this.#isOpen ? "" : text,
    );
    const toggle = h(
      "button",
      { type: "button", class: "system-toggle", "aria-expanded": String(this.#isOpen), onclick: () => this.#flip() },
      icon("right"),
      label,
    );
    const edit = iconButton("edit", tr("Edit for this conversation", "为此对话编辑"), () => this.#edit(), {
      disabled: isBusy,
    });
    const head = h("div", { class: "system-head" }, toggle, edit);
    this.element.replaceChildren(head, this.#isOpen ? h("div", { class: "system-text" }, text) : "");
  }

  #flip() {
    this.#isOpen = !this.#isOpen;
    this.update();
    this.element.querySelector("button").focus();
  }

  #edit() {
    this.isEdited = true;
    const leave = (text) => {
      this.isEdited = false;
      if (text !== null) this.context.actions.setSystemHere(text.trim());
      this.update();
    };
    const { system } = this.context.conversation;
    editor(
      this.element,
      system,
      tr("System prompt of this conversation", "此对话的系统提示"),
      tr("Save", "保存"),
      leave,
    );
  }
}
