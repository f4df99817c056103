// `‹ 2/3 ›` between the versions of a message; nothing where there is one.
import { siblings } from "../conversation.js";
import { tr } from "../lang.js";
import { iconButton } from "./button.js";
import { h } from "./dom.js";

export function versions(message, { conversation, actions, isBusy }) {
  const all = siblings(conversation, message);
  if (all.length < 2) return null;
  const at = all.indexOf(message);
  const step = (name, label, to) => iconButton(name, label, () => actions.select(to.id), { disabled: !to || isBusy });
  return h(
    "span",
    { class: "versions" },
    step("left", tr("Version before", "上一版本"), all[at - 1]),
    h("span", { class: "versions-count" }, `${at + 1}/${all.length}`),
    step("right", tr("Next version", "下一版本"), all[at + 1]),
  );
}
