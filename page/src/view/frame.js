// The page's frame: list, top line, thread, composer, panel. Built anew when the language changes.
import { isSpoken, language, tr } from "../lang.js";
import { iconButton } from "./button.js";
import { Composer } from "./composer.js";
import { h } from "./dom.js";
import { noticeElements } from "./notice.js";
import { Panel } from "./panel.js";
import { Sidebar } from "./sidebar.js";
import { Thread } from "./thread.js";

// In English and Chinese: asked in a language that the model knows, which need not be the reader's.
const EXAMPLES = [
  ["How many primes are there below 100? Show how you count.", "100 以内有多少个质数？请写出计数过程。"],
  ["Write a Python function that merges two sorted lists.", "写一个合并两个有序列表的 Python 函数。"],
  ["Compare TCP and UDP in a table.", "用表格比较 TCP 和 UDP。"],
];

/** That the model does not know the reader's language, and the way to one that does. */
const unspoken = (model) =>
  tr(
    `${model} does not know English. One that does: zhinao serve qwen2.5-0.5b`,
    `${model} 不懂中文，用中文提问只会得到胡话。中英双语的小模型：zhinao serve qwen2.5-0.5b`,
  );

export class Frame {
  constructor(context) {
    this.context = context;
    const { actions } = context;
    this.sidebar = new Sidebar(context);
    this.thread = new Thread(context, () => this.#empty());
    this.composer = new Composer(context);
    this.panel = new Panel(context);
    this.banner = h("div", { class: "banner", role: "status", hidden: true });
    this.title = h("div", { class: "top-title" });
    this.models = h("div", { class: "top-model" });
    const list = iconButton("menu", tr("Conversations", "对话"), actions.toggleSidebar, {
      class: "show-sidebar",
      "aria-controls": "sidebar",
    });
    const set = iconButton("sliders", tr("Settings", "设置"), actions.togglePanel, {
      class: "show-panel",
      "aria-controls": "panel",
    });
    const fresh = iconButton("plus", tr("New chat", "新对话"), actions.start, { class: "top-new" });
    const top = h("header", { class: "top" }, list, this.models, this.title, fresh, set);
    const main = h("main", {}, top, this.banner, this.thread.element, this.composer.element);
    this.#takeDrops(main);
    const veil = h("div", { class: "veil", onclick: actions.closeDrawers });
    this.elements = [this.sidebar.element, main, this.panel.element, veil, ...noticeElements];
  }

  /** Files may be dropped on the conversation; anywhere else the browser would leave the page for them. */
  #takeDrops(main) {
    const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
    main.addEventListener(
      "drop",
      (event) => hasFiles(event) && this.context.actions.attach([...event.dataTransfer.files]),
    );
    for (const type of ["dragover", "drop"])
      document.body[`on${type}`] = (event) => hasFiles(event) && event.preventDefault();
  }

  /** What depends on who the server is: its models, its defaults, what it can do. */
  showServer() {
    const panel = new Panel(this.context);
    this.panel.element.replaceWith(panel.element);
    this.panel = panel;
    this.thread.show();
    this.#showModels();
  }

  #showModels() {
    const { models, model, actions } = this.context;
    if (models.length < 2) {
      this.models.replaceChildren(h("span", { class: "model", title: model ?? "" }, model ?? ""));
      return;
    }
    const options = models.map(({ id }) => h("option", { value: id, selected: id === model }, id));
    const choose = h(
      "select",
      { class: "model", "aria-label": tr("Model", "模型"), onchange: () => actions.setModel(choose.value) },
      ...options,
    );
    this.models.replaceChildren(choose);
  }

  showTitle() {
    const title = this.context.conversation.title;
    this.title.textContent = title;
    document.title = title ? `${title} · ${tr("Zhinao", "智脑")}` : tr("Zhinao", "智脑");
  }

  /** A sentence above the conversation while something is the matter with the server; null takes it away. */
  showBanner(sentence) {
    this.banner.textContent = sentence ?? "";
    this.banner.hidden = !sentence;
  }

  #empty() {
    const { actions } = this.context;
    const ask = (text) => h("button", { type: "button", onclick: () => actions.send(text) }, text);
    const { languages, model } = this.context.about;
    const isChinese = (isSpoken(languages) ? language() : languages[0]) === "zh";
    return h(
      "div",
      { class: "empty" },
      h("span", { class: "mark", "aria-hidden": "true" }),
      h("h2", {}, tr("What shall we work on?", "今天想聊点什么？")),
      h("div", { class: "examples" }, ...EXAMPLES.map((both) => ask(both[Number(isChinese)]))),
      isSpoken(languages) ? null : h("p", { class: "unspoken" }, unspoken(model)),
    );
  }
}
