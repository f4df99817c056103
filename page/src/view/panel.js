// System prompt and parameters on the right. An empty field is the server's default, which stands in it in grey.
import { tr } from "../lang.js";
import { allowed, inForce, PARAMETERS, valueOf } from "../parameters.js";
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
    this.here = h(
      "button",
      { type: "button", class: "quiet here", onclick: () => actions.setSystemHere(settings.system) },
      tr("Use it in this conversation, too", "此对话也使用"),
    );
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
      h(
        "p",
        { class: "help" },
        tr("For new conversations. One that has begun keeps its own.", "用于新对话；已开始的对话保留原来的系统提示。"),
      ),
      this.here,
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
    const { settings, conversation } = this.context;
    if (document.activeElement !== this.system) this.system.value = settings.system;
    this.here.hidden = !conversation.messages.length || conversation.system === settings.system;
  }

  #fields() {
    return PARAMETERS.filter(({ isThinking }) => !isThinking || this.context.about.thinks).map((parameter) =>
      this.#field(parameter),
    );
  }

  #field(parameter) {
    const { settings, about } = this.context;
    const { wire, kind, label } = parameter;
    const [id, row] = [`parameter-${wire}`, h("div", { class: kind === "lines" ? "field tall" : "field" })];
    const field = h(kind === "lines" ? "textarea" : "input", { id, "aria-describedby": `${id}-hint`, ...KINDS[kind] });
    if ((parameter.min ?? 0) < 0) field.removeAttribute("inputmode"); // a phone's number keys have no minus
    const help = h("p", { class: "help", id: `${id}-hint` });
    const check = () => this.#check(parameter, field, help, row);
    field.value = shown(settings.parameters[wire]);
    field.placeholder = about.defaults[wire] ?? parameter.none?.() ?? tr("default", "默认");
    field.addEventListener("input", check);
    // Kept when it is whole: on the way to 15 there is a 1.
    field.addEventListener("change", () => {
      const now = check();
      if (now !== null) settings.set({ parameters: { ...settings.parameters, [wire]: now } });
    });
    field.addEventListener("keydown", (event) => stepBy(event, parameter, field, about.defaults[wire]));
    row.append(h("label", { for: id }, label()), field, help);
    check();
    return row;
  }

  /** Say what may stand in a field where something else does. @returns the value meant, or null */
  #check(parameter, field, help, row) {
    const { settings, about } = this.context;
    const now = valueOf(parameter, field.value);
    const kept = shown(settings.parameters[parameter.wire]) || inForce(parameter, about.defaults);
    const range = allowed(parameter);
    const mistake = tr(`Allowed: ${range}. ${kept} stays.`, `允许范围：${range}。仍用 ${kept}。`);
    field.setCustomValidity(now === null ? mistake : "");
    field.setAttribute("aria-invalid", String(now === null));
    help.textContent = now === null ? mistake : parameter.hint();
    help.classList.toggle("mistake", now === null);
    row.classList.toggle("is-set", now !== null && now !== undefined);
    return now;
  }
}

const KINDS = {
  number: { type: "text", inputmode: "decimal", autocomplete: "off" },
  whole: { type: "text", inputmode: "numeric", autocomplete: "off" },
  lines: { rows: "2" },
};

const shown = (value) => (Array.isArray(value) ? value.join("\n") : String(value ?? ""));

/** Arrow keys step from the default, which an empty number field would take for nothing. */
function stepBy(event, parameter, field, start) {
  const { kind, step, min, max } = parameter;
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!by || kind === "lines") return;
  event.preventDefault();
  const value = (valueOf(parameter, field.value) ?? Number(start ?? 0)) + by * step;
  field.value = String(Number(Math.min(max ?? Infinity, Math.max(min ?? -Infinity, value)).toFixed(4)));
  for (const type of ["input", "change"]) field.dispatchEvent(new Event(type));
}

function aboutLine({ version, isOurs }) {
  if (isOurs) return version ? `zhinao ${version}` : "";
  return tr(
    "This server tells no defaults; empty fields are left to it.",
    "此服务器不提供默认值，留空的字段由它决定。",
  );
}
