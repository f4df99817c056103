// System prompt and parameters on the right. An empty field is the server's default, which stands in it in grey.
import { tr } from "../lang.js";
import { PARAMETERS, valueOf } from "../parameters.js";
import { iconButton } from "./button.js";
import { h } from "./dom.js";

export class Panel {
  constructor(context) {
    this.context = context;
    const { settings, actions } = context;
    const close = iconButton("close", tr("Close", "关闭"), actions.togglePanel);
    this.system = h("textarea", { id: "system", rows: "4" });
    this.system.placeholder = tr("None", "无");
    this.system.addEventListener("input", () => actions.setSystem(this.system.value));
    const reset = h(
      "button",
      { type: "button", class: "quiet reset", onclick: () => actions.resetParameters() },
      tr("Back to the server's defaults", "恢复服务器默认值"),
    );
    const probabilities = h("input", {
      type: "checkbox",
      id: "probabilities",
      onchange: () => settings.set({ wantsProbabilities: probabilities.checked }),
    });
    probabilities.checked = settings.wantsProbabilities;
    this.element = h(
      "aside",
      { class: "panel", id: "panel", "aria-label": tr("Settings", "设置") },
      h("div", { class: "panel-head" }, h("h2", {}, tr("Settings", "设置")), close),
      h("label", { for: "system" }, tr("System prompt", "系统提示")),
      this.system,
      h("p", { class: "help" }, tr("For this conversation, and for new ones.", "用于此对话和新对话。")),
      ...this.#fields(),
      h(
        "label",
        { class: "switch", for: "probabilities" },
        probabilities,
        tr("Record token probabilities", "记录 token 概率"),
      ),
      reset,
      h("p", { class: "help about" }, aboutLine(context.about)),
    );
    this.show();
  }

  show() {
    if (document.activeElement !== this.system) this.system.value = this.context.conversation.system;
  }

  #fields() {
    return PARAMETERS.filter(({ isThinking }) => !isThinking || this.context.about.thinks).map((parameter) =>
      this.#field(parameter),
    );
  }

  #field(parameter) {
    const { settings, about } = this.context;
    const { wire, kind, min, max, step, none, label, hint } = parameter;
    const id = `parameter-${wire}`;
    const value = settings.parameters[wire];
    const common = { id, "aria-describedby": `${id}-hint` };
    const field =
      kind === "lines"
        ? h("textarea", { ...common, rows: "2" })
        : h("input", { ...common, type: "number", min, max, step: "any", "data-step": step, inputmode: "decimal" });
    field.value = Array.isArray(value) ? value.join("\n") : (value ?? "");
    field.placeholder = about.defaults[wire] ?? none?.() ?? tr("default", "默认");
    const row = h(
      "div",
      { class: kind === "lines" ? "field tall" : "field" },
      h("label", { for: id }, label()),
      field,
      h("p", { class: "help", id: `${id}-hint` }, hint()),
    );
    const mark = () => row.classList.toggle("is-set", field.value !== "" && field.validity.valid);
    field.addEventListener("input", () => {
      const now = valueOf(parameter, field.value);
      field.setCustomValidity(now === null ? hint() : "");
      if (now !== null) settings.set({ parameters: { ...settings.parameters, [wire]: now } });
      mark();
    });
    field.addEventListener("keydown", (event) => stepBy(event, parameter, field, about.defaults[wire]));
    mark();
    return row;
  }
}

/** Arrow keys step from the default, which an empty number field would take for nothing. */
function stepBy(event, { kind, step, min, max }, field, start) {
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!by || kind === "lines") return;
  event.preventDefault();
  const value = Number(field.value === "" ? (start ?? 0) : field.value) + by * step;
  field.value = String(Number(Math.min(max ?? Infinity, Math.max(min ?? -Infinity, value)).toFixed(4)));
  field.dispatchEvent(new Event("input"));
}

function aboutLine({ version, isOurs }) {
  if (isOurs) return version ? `zhinao ${version}` : "";
  return tr(
    "This server tells no defaults; empty fields are left to it.",
    "此服务器不提供默认值，留空的字段由它决定。",
  );
}
