// Dresses code blocks with their language and a copy button, and tables with a frame that scrolls.
import { tr } from "../lang.js";
import { copyButton } from "../view/copy.js";
import { h } from "../view/dom.js";

/** @param {ParentNode} root */
export function dressCode(root) {
  for (const pre of root.querySelectorAll("pre")) {
    const code = pre.querySelector("code") ?? pre;
    const language = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
    const copy = copyButton(() => code.textContent, tr("Copy code", "复制代码"));
    const frame = h("div", { class: "code" }, h("div", { class: "code-head" }, h("span", {}, language), copy));
    pre.replaceWith(frame);
    pre.tabIndex = 0; // it may scroll
    frame.append(pre);
  }
  for (const table of root.querySelectorAll("table")) {
    const frame = h("div", { class: "table", tabindex: "0" });
    table.replaceWith(frame);
    frame.append(table);
  }
}
