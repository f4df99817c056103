// Dresses code blocks with their language and a copy button, tables with a frame that scrolls, and what is short so that it stays in one line.
import { tr } from "../lang.js";
import { copyButton } from "../view/copy.js";
import { h } from "../view/dom.js";
import { width } from "./width.js";

const SHORT_CODE = 24; // columns, of which a Chinese character takes two
const SHORT_CELL = 16;

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
  for (const code of root.querySelectorAll(":not(pre) > code")) {
    if (width(code.textContent) <= SHORT_CODE) code.classList.add("is-short");
  }
  for (const cell of root.querySelectorAll("th, td")) {
    const columns = width(cell.textContent);
    cell.classList.add(columns <= SHORT_CELL ? "is-short" : "is-long");
  }
  for (const table of root.querySelectorAll("table")) {
    const frame = h("div", { class: "table", tabindex: "0" });
    table.replaceWith(frame);
    frame.append(table);
  }
}
