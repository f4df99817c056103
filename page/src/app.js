// What the page knows and does. The views read it and call its actions; it draws through the frame.
import { Address } from "./address.js";
import { Asking } from "./asking.js";
import { attachment } from "./attachment.js";
import { change, find, newConversation, select } from "./conversation.js";
import { keepDraft, keptDraft } from "./draft.js";
import { fileName, toJson, toMarkdown } from "./exchange.js";
import { choose, chooseFiles, download } from "./files.js";
import { Kept } from "./kept.js";
import { chooseLanguage, isChineseInVain, language, tr } from "./lang.js";
import { mergeToShow } from "./merge.js";
import { wordsOf } from "./search.js";
import { Tabs } from "./tabs.js";
import { applyTheme } from "./theme.js";
import { isTouched } from "./view/composer.js";
import { askForKey, confirmDeletion, confirmProbabilities } from "./view/dialogs.js";
import { Drawers } from "./view/drawers.js";
import { Frame } from "./view/frame.js";
import { note } from "./view/notice.js";

const UNKNOWN = {
  model: null,
  thinks: false,
  languages: [],
  numContextTokens: null,
  defaults: {},
  isOurs: false,
  version: null,
};

export class App {
  about = UNKNOWN;
  models = [];
  hasWarned = false;

  constructor({ server, store, settings }) {
    Object.assign(this, { server, settings });
    const tabs = new Tabs();
    this.kept = new Kept(store, tabs, () => this.showList());
    this.asking = new Asking(this, tabs);
    this.address = new Address((id) => this.#went(id));
    this.drawers = new Drawers(this.address);
    this.actions = Object.fromEntries(ACTIONS.map((name) => [name, (...given) => this[name](...given)]));
    this.conversation = newConversation(settings.system);
    tabs.hear({ changed: ({ id }) => this.changedElsewhere(id), deleted: ({ id }) => this.#deletedElsewhere(id) });
    settings.watch(() => this.#setElsewhere());
  }

  // What the views ask ------------------------------------------------------------------------------------------

  get isBusy() {
    return this.asking.has(this.conversation.id);
  }

  get model() {
    const known = this.models.map(({ id }) => id);
    return known.includes(this.settings.model) ? this.settings.model : (known[0] ?? this.about.model);
  }

  runOf(message) {
    return this.asking.runOf(this.conversation, message);
  }

  runs(id) {
    return this.asking.has(id);
  }

  isLast(message) {
    return this.conversation.leaf === message.id;
  }

  // Beginning ---------------------------------------------------------------------------------------------------

  async begin() {
    this.build(keptDraft());
    if (!this.kept.isLasting)
      note(
        tr(
          "This browser keeps nothing (a private window?): conversations are there until the page is closed.",
          "此浏览器不保存数据（无痕窗口？），对话只保留到页面关闭为止。",
        ),
      );
    await this.kept.refresh();
    if (this.address.id) await this.open(this.address.id);
    this.focus();
    await this.meet();
  }

  /** Everything on the screen, in the language of now. */
  build(draft = this.frame.composer.draft) {
    this.frame = new Frame(this);
    document.body.replaceChildren(...this.frame.elements);
    this.frame.composer.draft = draft;
    this.draw();
    this.frame.showServer();
    this.frame.showBanner(this.trouble?.sentence ?? null);
    this.showList();
  }

  showList() {
    this.frame?.sidebar.show(this.kept.summaries, this.kept.found);
  }

  draw() {
    this.frame.thread.show();
    this.frame.composer.setBusy(this.isBusy);
    this.frame.panel.show();
    this.frame.showTitle();
  }

  /** A message of the conversation has grown. */
  grown(conversation, message) {
    if (this.conversation === conversation) this.frame.thread.update(message);
  }

  /** On a phone the keyboard would cover what is to be read. */
  focus() {
    if (!isTouched()) this.frame.composer.field.focus();
  }

  /** Ask the server who it is, again and again while it loads or is away. */
  async meet() {
    clearTimeout(this.meeting);
    try {
      this.about = await this.server.about();
      this.models = await this.server.models();
      this.about.numContextTokens ??= this.models[0]?.numContextTokens ?? null;
      this.trouble = null;
      this.frame.showServer();
    } catch (failure) {
      if (failure.needsKey) return this.changeKey(true);
      if (!failure.facts) throw failure;
      this.trouble = failure;
      this.meeting = setTimeout(() => this.meet(), 3000);
    }
    return this.frame.showBanner(this.trouble?.sentence ?? null);
  }

  // Conversations -----------------------------------------------------------------------------------------------

  start() {
    this.#show(newConversation(this.settings.system));
  }

  /** The conversation that was shown is no more; neither is its address. */
  #startOver() {
    this.address.become(null);
    this.start();
  }

  /** Back or forward in the browser; first that closes what lies over the conversation. */
  #went(id) {
    this.drawers.uncover();
    if (id !== (this.conversation.messages.length ? this.conversation.id : null))
      return id ? this.open(id) : this.start();
    return undefined;
  }

  /** @param {{messageId: string|null}} [found] where what was searched stands in it */
  async open(id, found = null) {
    this.wanted = id;
    const conversation = await this.#get(id);
    if (!conversation) return this.#startOver();
    await this.asking.settle(conversation);
    if (this.wanted !== id) return undefined; // another was opened meanwhile
    if (found?.messageId) select(conversation, found.messageId);
    this.#show(conversation);
    if (found) this.frame.thread.find(found.messageId, wordsOf(this.kept.query));
    return undefined;
  }

  #show(conversation) {
    this.wanted = conversation.id;
    this.conversation = conversation;
    this.address.show(conversation.messages.length ? conversation.id : null);
    this.drawers.uncover();
    this.frame.thread.follow();
    this.draw();
    this.showList();
    this.focus();
  }

  search(query) {
    if (!query.trim()) this.frame.thread.find(null, []);
    return this.kept.search(query);
  }

  async rename(id, title) {
    const conversation = await this.#get(id);
    if (!title) return this.showList();
    change(conversation, { title });
    await this.kept.keep(Object.assign(conversation, { isNamed: true }), false);
    return this.frame.showTitle();
  }

  async delete({ id, title }) {
    if (!(await confirmDeletion(title))) return;
    this.asking.drop(id);
    if (this.conversation.id === id) this.#startOver();
    await this.kept.delete(id);
  }

  async export(id, kind) {
    const conversation = await this.#get(id);
    const text = kind === "md" ? toMarkdown(conversation) : toJson([conversation]);
    download(fileName(conversation.title, kind), text, kind === "md" ? "text/markdown" : "application/json");
  }

  async exportAll() {
    download(`zhinao-${new Date().toISOString().slice(0, 10)}.json`, await this.kept.allAsJson(), "application/json");
  }

  async import() {
    const text = await choose(".json,application/json");
    if (text === null) return;
    try {
      const ids = await this.kept.takeIn(text);
      note(tr(`Imported: ${ids.length}.`, `已导入 ${ids.length} 个对话。`));
      if (ids.length === 1) await this.open(ids[0]);
    } catch (error) {
      note(error.message);
    }
  }

  async #get(id) {
    if (id === this.conversation.id && this.conversation.messages.length) return this.conversation;
    return this.asking.conversation(id) ?? this.kept.get(id);
  }

  // Other windows -----------------------------------------------------------------------------------------------

  /** Another window has added to a conversation, or has changed it. */
  async changedElsewhere(id) {
    const shown = this.asking.conversation(id) ?? (this.conversation.id === id ? this.conversation : null);
    const stored = shown && (await this.kept.get(id));
    if (stored) await this.asking.settle(mergeToShow(shown, stored));
    if (stored && this.conversation === shown) this.draw();
    await this.kept.refresh();
  }

  async #deletedElsewhere(id) {
    this.asking.drop(id);
    await this.kept.deletedElsewhere(id);
    if (this.conversation.id === id) this.#startOver();
  }

  #setElsewhere() {
    chooseLanguage(this.settings.language);
    applyTheme(this.settings.theme);
    if (!this.conversation.messages.length) this.conversation.system = this.settings.system;
    this.build();
  }

  // Asking and answering ----------------------------------------------------------------------------------------

  /** @param {import("./attachment.js").Attachment[]} [files] */
  send(text, files = []) {
    this.#warnOfChinese(text);
    const question = { role: "user", content: text.trim(), ...(files.length ? { files } : {}) };
    this.asking.ask(this.conversation, this.conversation.leaf, question);
  }

  /** Once: whoever reads the page in Chinese has been told already. */
  #warnOfChinese(text) {
    const { languages, model } = this.about;
    if (this.hasWarned || language() === "zh" || !isChineseInVain(text, languages)) return;
    this.hasWarned = true;
    note(
      tr(
        `${model} knows no Chinese: it answers with nonsense. One that knows Chinese and English: zhinao serve qwen2.5-0.5b`,
        `${model} 不懂中文，用中文提问只会得到胡话。中英双语的小模型：zhinao serve qwen2.5-0.5b`,
      ),
    );
  }

  edit({ parent, files }, text) {
    if (this.isBusy) return;
    this.asking.ask(this.conversation, parent, { role: "user", content: text.trim(), ...(files ? { files } : {}) });
  }

  regenerate(answer, once = {}) {
    if (!this.isBusy) this.asking.answer(this.conversation, find(this.conversation, answer.parent), once);
  }

  retry(answer) {
    if (!this.isBusy) this.asking.retry(this.conversation, answer);
  }

  goOn(answer) {
    if (!this.isBusy) this.asking.goOn(this.conversation, answer);
  }

  begun(conversation) {
    this.address.become(conversation.id);
    this.frame.thread.follow();
    this.draw();
  }

  ended(conversation) {
    if (this.conversation === conversation) this.draw();
  }

  stop() {
    this.asking.stop(this.conversation.id);
  }

  answerNow() {
    return this.asking.answerNow(this.conversation.id);
  }

  select(id) {
    select(this.conversation, id);
    this.draw();
    this.kept.keep(this.conversation, false);
  }

  /** Nothing was recorded with this answer: another can be made with them, once. */
  async offerProbabilities(answer) {
    if (!this.isBusy && (await confirmProbabilities())) this.regenerate(answer, { wantsProbabilities: true });
  }

  keepDraft() {
    keepDraft(this.frame.composer.draft);
  }

  /** Text files for the next question. @param {File[]} [files] else they are chosen */
  async attach(files) {
    for (const file of files ?? (await chooseFiles())) {
      try {
        this.frame.composer.attach(await attachment(file));
      } catch (error) {
        note(error.message);
      }
    }
  }

  // Settings ----------------------------------------------------------------------------------------------------

  /** For conversations that begin; those that have begun keep theirs. */
  setSystem(system) {
    this.settings.set({ system });
    if (!this.conversation.messages.length) this.conversation.system = system;
    this.draw();
  }

  /** For the conversation that is open, from the next answer on. */
  setSystemHere(system) {
    change(this.conversation, { system });
    this.draw();
    if (this.conversation.messages.length) this.kept.keep(this.conversation, false);
  }

  setModel(model) {
    this.settings.set({ model });
  }

  resetParameters() {
    this.settings.set({ parameters: {} });
    this.build();
  }

  setTheme(theme) {
    this.settings.set({ theme });
    applyTheme(theme);
    this.build();
  }

  switchLanguage() {
    this.settings.set({ language: language() === "zh" ? "en" : "zh" });
    chooseLanguage(this.settings.language);
    this.build();
  }

  async changeKey(isRefused = false, then = () => {}) {
    const key = await askForKey(this.settings.key, isRefused === true);
    if (key === null) return;
    this.settings.set({ key });
    await this.meet();
    then();
  }

  // Drawers -----------------------------------------------------------------------------------------------------

  toggleSidebar() {
    this.drawers.toggle("sidebar");
  }

  togglePanel() {
    this.drawers.toggle("panel");
  }

  /** @returns {boolean} whether one lay over the conversation */
  closeDrawers() {
    return this.drawers.close();
  }

  focusSearch() {
    this.drawers.show("sidebar");
    this.frame.sidebar.search.focus();
    this.frame.sidebar.search.select();
  }
}

const ACTIONS = (
  "start open search rename delete export exportAll import send edit regenerate retry goOn stop answerNow select offerProbabilities " +
  "attach keepDraft setSystem setSystemHere setModel resetParameters setTheme switchLanguage changeKey " +
  "toggleSidebar togglePanel closeDrawers"
).split(" ");
