// The conversations on the left: search, rename, delete, and what belongs to the whole page.
import { tr } from "../lang.js";
import { patternOf, wordsOf } from "../search.js";
import { iconButton, menuButton } from "./button.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const DAY = 24 * 3600 * 1000;
const THEMES = [null, "light", "dark"];
const THEME_ICONS = { null: "system", light: "sun", dark: "moon" };

export class Sidebar {
  constructor(context) {
    this.context = context;
    const { actions } = context;
    this.search = h("input", {
      type: "search",
      id: "search",
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": tr("Search conversations", "搜索对话"),
    });
    this.search.placeholder = tr("Search", "搜索");
    // Letters that an input method still composes are not what is searched.
    this.search.addEventListener("input", (event) => event.isComposing || actions.search(this.search.value));
    this.search.addEventListener("compositionend", () => actions.search(this.search.value));
    this.search.value = context.kept.query;
    this.search.addEventListener(
      "keydown",
      (event) => event.key === "Escape" && !event.isComposing && this.#leaveSearch(event),
    );
    this.list = h("nav", { class: "conversations", "aria-label": tr("Conversations", "对话") });
    const fresh = iconButton("plus", tr("New chat (Ctrl+Shift+O)", "新对话 (Ctrl+Shift+O)"), actions.start, {
      class: "new-chat",
    });
    const close = iconButton("close", tr("Close the list", "关闭列表"), actions.closeDrawers, {
      class: "close-sidebar",
    });
    const name = h(
      "h1",
      { class: "wordmark" },
      h("span", { class: "mark", "aria-hidden": "true" }),
      tr("Zhinao", "智脑"),
    );
    const searchBox = h(
      "label",
      { class: "search" },
      icon("search"),
      this.search,
      h("kbd", { "aria-hidden": "true" }, /Mac|iP/.test(navigator.platform) ? "⌘K" : "Ctrl K"),
    );
    this.element = h("aside", { class: "sidebar", id: "sidebar", "aria-label": tr("Conversations", "对话") });
    this.element.append(h("div", { class: "sidebar-head" }, name, fresh, close), searchBox, this.list, this.#foot());
  }

  #foot() {
    const { actions, settings } = this.context;
    const theme = settings.theme ?? null;
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    const themeNames = { null: tr("as the system", "跟随系统"), light: tr("light", "浅色"), dark: tr("dark", "深色") };
    const colours = tr(`Colours: ${themeNames[theme]}`, `配色：${themeNames[theme]}`);
    const language = h(
      "button",
      { type: "button", class: "language", lang: tr("zh-CN", "en"), onclick: actions.switchLanguage },
      tr("中文", "English"),
    );
    const more = menuButton(
      "more",
      tr("More", "更多"),
      () => [
        { icon: "key", label: tr("API key…", "API 密钥…"), run: actions.changeKey },
        { icon: "download", label: tr("Export all conversations", "导出全部对话"), run: actions.exportAll },
        { icon: "upload", label: tr("Import…", "导入…"), run: actions.import },
        {
          icon: "book",
          label: tr("API documentation", "API 文档"),
          run: () => window.open("docs", "_blank", "noopener"),
        },
      ],
      { class: "page-menu" },
    );
    return h(
      "div",
      { class: "sidebar-foot" },
      language,
      iconButton(THEME_ICONS[theme], colours, () => actions.setTheme(next), { class: "theme" }),
      more,
    );
  }

  /** @param {import("../store.js").Summary[]} summaries @param {Map<string, import("../search.js").Found>|null} found */
  show(summaries, found) {
    const shown = found ? summaries.filter(({ id }) => found.has(id)) : summaries;
    const groups = grouped(shown);
    const parts = [...groups].flatMap(([age, members]) => [
      h("h2", {}, age),
      ...members.map((one) => this.#item(one, found?.get(one.id))),
    ]);
    if (!parts.length)
      parts.push(
        h(
          "p",
          { class: "nothing" },
          found
            ? tr("Nothing found.", "没有找到。")
            : this.context.kept.isLasting
              ? tr("Conversations are kept in this browser.", "对话保存在此浏览器中。")
              : tr("Nothing is kept: this browser does not let the page.", "此浏览器不允许保存，对话不会保留。"),
        ),
      );
    if (!this.isRenaming) this.list.replaceChildren(...parts);
  }

  #item(summary, found) {
    const { context } = this;
    const isShown = context.conversation.id === summary.id;
    const title = summary.title || tr("New chat", "新对话");
    const open = h(
      "button",
      {
        type: "button",
        class: "open",
        "aria-current": isShown && "page",
        title,
        onclick: () => context.actions.open(summary.id, found),
      },
      h("span", { class: "title" }, ...marked(title, found ? wordsOf(context.kept.query) : [])),
      found?.hit ? h("span", { class: "place" }, found.before, h("mark", {}, found.hit), found.after) : null,
    );
    const item = h("div", { class: isShown ? "item is-shown" : "item", "data-id": summary.id }, open);
    if (context.runs(summary.id)) item.append(h("span", { class: "pulse", title: tr("Answering", "正在回答") }));
    item.append(menuButton("more", tr(`Actions for ${title}`, `${title}的操作`), () => this.#menu(summary, item)));
    return item;
  }

  #menu(summary, item) {
    const { actions } = this.context;
    return [
      { icon: "edit", label: tr("Rename", "重命名"), run: () => this.#rename(summary, item) },
      { icon: "download", label: tr("Export as JSON", "导出为 JSON"), run: () => actions.export(summary.id, "json") },
      {
        icon: "download",
        label: tr("Export as Markdown", "导出为 Markdown"),
        run: () => actions.export(summary.id, "md"),
      },
      { icon: "trash", label: tr("Delete…", "删除…"), run: () => actions.delete(summary), isGrave: true },
    ];
  }

  #rename(summary, item) {
    const field = h("input", {
      type: "text",
      class: "rename",
      "aria-label": tr("New title", "新标题"),
      maxlength: "120",
    });
    field.value = summary.title;
    const leave = (isKept) => {
      if (!this.isRenaming) return;
      this.isRenaming = false;
      this.context.actions.rename(summary.id, isKept ? field.value.trim() : "");
    };
    field.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Enter" || event.key === "Escape") leave(event.key === "Enter");
      event.stopPropagation();
    });
    field.addEventListener("blur", () => leave(true));
    this.isRenaming = true;
    item.replaceChildren(field);
    field.select();
    field.focus();
  }

  #leaveSearch(event) {
    event.stopPropagation();
    this.search.value = "";
    this.context.actions.search("");
    this.search.blur();
  }
}

/** A title with the words that were searched marked. */
function marked(title, words) {
  if (!words.length) return [title];
  const pattern = new RegExp(`(${patternOf(words).source})`, "iu");
  return title.split(pattern).map((part, n) => (n % 2 ? h("mark", {}, part) : part));
}

function ageOf({ updated }) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (updated >= midnight) return tr("Today", "今天");
  if (updated >= midnight - DAY) return tr("Yesterday", "昨天");
  return updated >= midnight - 7 * DAY ? tr("Last seven days", "最近七天") : tr("Earlier", "更早");
}

function grouped(summaries) {
  const groups = new Map();
  for (const one of summaries) groups.set(ageOf(one), [...(groups.get(ageOf(one)) ?? []), one]);
  return groups;
}
