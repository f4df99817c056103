// Buttons with an icon, and the menus that open from them.
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** A button that shows an icon only; `label` is its name and its tooltip. */
export function iconButton(name, label, onclick, attributes = {}) {
  const { class: extra = "", ...others } = attributes;
  const all = { type: "button", class: `icon-button ${extra}`, "aria-label": label, title: label, onclick, ...others };
  return h("button", all, icon(name));
}

/** A button that opens a menu. @param {() => {icon: string, label: string, run: () => void, isGrave?: boolean}[]} items */
export function menuButton(name, label, items, attributes = {}) {
  const button = iconButton(name, label, () => openMenu(button, items()), { "aria-haspopup": "menu", ...attributes });
  return button;
}

function openMenu(anchor, items) {
  const entries = items.map(({ icon: name, label, run, isGrave }) =>
    h(
      "button",
      { type: "button", role: "menuitem", class: isGrave && "grave", onclick: () => (menu.hidePopover(), run()) },
      icon(name),
      label,
    ),
  );
  const menu = h("div", { class: "menu", role: "menu", popover: "auto" }, ...entries);
  menu.addEventListener("toggle", (event) => event.newState === "closed" && close());
  menu.addEventListener("keydown", (event) => step(event, entries));
  const close = () => {
    anchor.classList.remove("is-open");
    if (menu.contains(document.activeElement) || document.activeElement === document.body) anchor.focus();
    menu.remove();
  };
  document.body.append(menu);
  menu.showPopover();
  anchor.classList.add("is-open");
  place(menu, anchor);
  entries[0]?.focus();
}

function step(event, entries) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const at = entries.indexOf(document.activeElement);
  entries[(at + by + entries.length) % entries.length].focus();
}

/** Put a popover below its anchor, or above where there is no room. */
export function place(popover, anchor) {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const left = Math.max(8, Math.min(box.left, innerWidth - width - 8));
  const top = box.bottom + height + 12 > innerHeight ? Math.max(8, box.top - height - 6) : box.bottom + 6;
  Object.assign(popover.style, { left: `${left}px`, top: `${top}px` });
}
