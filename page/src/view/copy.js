// Copying, also on plain-HTTP addresses, where browsers offer no clipboard object.
import { tr } from "../lang.js";
import { iconButton } from "./button.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** @param {() => string} text */
export function copyButton(text, label) {
  const button = iconButton("copy", label, async () => {
    const isCopied = await copy(text());
    button.replaceChildren(icon(isCopied ? "check" : "close"));
    button.title = isCopied ? tr("Copied", "已复制") : tr("The browser does not allow copying", "浏览器不允许复制");
    setTimeout(() => {
      button.replaceChildren(icon("copy"));
      button.title = label;
    }, 1600);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text) {
  const before = document.activeElement;
  const field = h("textarea", { class: "away", "aria-hidden": "true" });
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  before?.focus();
  return isCopied;
}
