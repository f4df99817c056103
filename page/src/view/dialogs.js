// Questions in front of the page: the API key, whether something may be deleted, or made anew.
import { tr } from "../lang.js";
import { h } from "./dom.js";

/** @param {HTMLElement[]} content @returns {Promise<boolean>} whether the person agreed */
function ask(title, content, agree, isGrave = false) {
  const heading = h("h2", {}, title);
  const cancel = h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, tr("Cancel", "取消"));
  const ok = h("button", { class: isGrave ? "main grave" : "main" }, agree);
  const form = h("form", { method: "dialog" }, heading, ...content, h("div", { class: "buttons" }, cancel, ok));
  const dialog = h("dialog", { "aria-label": title }, form);
  return new Promise((resolve) => {
    let isAgreed = false;
    // The policy forbids sending forms, so this one is closed by hand.
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      isAgreed = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(isAgreed);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function confirmDeletion(title) {
  const sentence = tr(
    `“${title}” will be deleted from this browser. This cannot be undone.`,
    `“${title}”将从此浏览器中删除，无法恢复。`,
  );
  return ask(tr("Delete the conversation?", "删除对话？"), [h("p", {}, sentence)], tr("Delete", "删除"), true);
}

export function confirmProbabilities() {
  const sentence = tr(
    "They were not recorded with this answer. A second version of it can be made with them; this one stays. To record them always, switch that on in the settings.",
    "此回答没有记录概率。可以重新生成一个带概率的版本，当前版本会保留。若要始终记录，请在设置中打开。",
  );
  const agree = tr("Make a second version", "生成新版本");
  return ask(tr("Token probabilities", "token 概率"), [h("p", {}, sentence)], agree);
}

/** @returns {Promise<string|null>} the key, "" for none, or null where the person left */
export async function askForKey(current, isRefused) {
  const field = h("input", { type: "password", id: "key", autocomplete: "off", spellcheck: "false" });
  field.value = current;
  const why = isRefused
    ? current
      ? tr("The server did not accept this API key.", "服务器不接受此 API 密钥。")
      : tr("This server wants an API key.", "此服务器需要 API 密钥。")
    : tr("Sent with every request to this server.", "随每个请求发送给此服务器。");
  const content = [
    h("p", {}, `${why} ${tr("It is kept in this browser only.", "密钥只保存在此浏览器中。")}`),
    h("label", { for: "key" }, tr("API key", "API 密钥")),
    field,
  ];
  return (await ask(tr("API key", "API 密钥"), content, tr("Save", "保存"))) ? field.value.trim() : null;
}
