// A text that is edited where it stands.
import { tr } from "../lang.js";
import { isSendingKey } from "./composer.js";
import { h } from "./dom.js";

/**
 * Put a field in place of what `element` holds.
 * @param {string} agree the button's word @param {(text: string|null) => void} then called once; null: as it was
 */
export function editor(element, text, label, agree, then) {
  const field = h("textarea", { rows: "3", "aria-label": label });
  field.value = text;
  field.addEventListener("keydown", (event) => {
    if (isSendingKey(event)) then(field.value);
    else if (event.key === "Escape" && !event.isComposing) then(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const cancel = h("button", { type: "button", class: "plain", onclick: () => then(null) }, tr("Cancel", "取消"));
  const ok = h("button", { type: "button", class: "main", onclick: () => then(field.value) }, agree);
  element.replaceChildren(h("div", { class: "editor" }, field, h("div", { class: "buttons" }, cancel, ok)));
  field.focus();
}
