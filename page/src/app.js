// What the page knows and does. The views read it and call its actions; it draws through the frame.
import { add, branch, find, newConversation, select } from "./conversation.js";
import { Drawing } from "./drawing.js";
import { fileName, toJson, toMarkdown } from "./exchange.js";
import { choose, download } from "./files.js";
import { Kept } from "./kept.js";
import { chooseLanguage, language, tr } from "./lang.js";
import { newReply } from "./reply.js";
import { requestBody } from "./request.js";
import { Run } from "./run.js";
import { applyTheme } from "./theme.js";
import { askForKey, confirmDeletion } from "./view/dialogs.js";
import { Frame } from "./view/frame.js";
import { note, say } from "./view/notice.js";

const UNKNOWN = { model: null, thinks: false, numContextTokens: null, defaults: {}, isOurs: false, version: null };

export class App {
  about = UNKNOWN;
  models = [];
  runs = new Map(); // conversation id -> {run, conversation}

  constructor({ server, store, settings }) {
    Object.assign(this, { server, settings });
    this.kept = new Kept(
      store,
      () => this.showList(),
      (id) => this.#changedElsewhere(id),
    );
    this.actions = Object.fromEntries(ACTIONS.map((name) => [name, (...given) => this[name](...given)]));
    this.conversation = newConversation(settings.system);
  }

  // What the views ask ------------------------------------------------------------------------------------------

  get isBusy() {
    return this.runs.has(this.conversation.id);
  }

  get model() {
    const known = this.models.map(({ id }) => id);
    return known.includes(this.settings.model) ? this.settings.model : (known[0] ?? this.about.model);
  }

  runOf(message) {
    const run = this.runs.get(this.conversation.id)?.run;
    return run?.message === message ? run : null;
  }

  isLast(message) {
    return this.conversation.leaf === message.id;
  }

  // Beginning ---------------------------------------------------------------------------------------------------

  async begin() {
    this.build();
    await this.kept.refresh();
    const wanted = location.hash.slice(2);
    if (wanted) await this.open(wanted);
    this.frame.composer.field.focus();
    await this.meet();
  }

  /** Everything on the screen, in the language of now. */
  build() {
    const draft = this.frame?.composer.text ?? "";
    this.frame = new Frame(this);
    document.body.replaceChildren(...this.frame.elements);
    this.frame.composer.text = draft;
    this.draw();
    this.frame.showServer();
    this.frame.showBanner(this.trouble ?? null);
    this.showList();
  }

  showList() {
    this.frame.sidebar.show(this.kept.summaries, this.kept.found);
  }

  draw() {
    this.frame.thread.show();
    this.frame.composer.setBusy(this.isBusy);
    this.frame.panel.show();
    this.frame.showTitle();
  }

  /** Ask the server who it is, again and again while it loads. */
  async meet() {
    try {
      this.about = await this.server.about();
      this.models = await this.server.models();
      this.about.numContextTokens ??= this.models[0]?.numContextTokens ?? null;
      this.trouble = null;
      this.frame.showServer();
    } catch (failure) {
      if (failure.needsKey) return this.changeKey(true);
      this.trouble = failure.message;
      setTimeout(() => this.meet(), 3000);
    }
    return this.frame.showBanner(this.trouble);
  }

  // Conversations -----------------------------------------------------------------------------------------------

  start() {
    this.#show(newConversation(this.settings.system));
  }

  async open(id) {
    const conversation = this.runs.get(id)?.conversation ?? (await this.kept.get(id));
    if (!conversation) return;
    for (const message of conversation.messages) {
      if (message.finish === null && !this.runs.has(id)) message.finish = "stopped"; // the page was closed meanwhile
    }
    this.#show(conversation);
  }

  #show(conversation) {
    this.conversation = conversation;
    history.replaceState(null, "", conversation.messages.length ? `#/${conversation.id}` : location.pathname);
    this.closeDrawers();
    this.frame.thread.follow();
    this.draw();
    this.showList();
    this.frame.composer.field.focus();
  }

  search(query) {
    return this.kept.search(query);
  }

  async rename(id, title) {
    const conversation = await this.#get(id);
    if (title) await this.kept.keep(Object.assign(conversation, { title, isNamed: true }), false);
    else this.showList();
    this.frame.showTitle();
  }

  async delete({ id, title }) {
    if (!(await confirmDeletion(title))) return;
    this.runs.get(id)?.run.stop();
    this.runs.delete(id);
    if (this.conversation.id === id) this.start();
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
    if (id === this.conversation.id) return this.conversation;
    return this.runs.get(id)?.conversation ?? this.kept.get(id);
  }

  async #changedElsewhere(id) {
    if (id !== this.conversation.id || this.isBusy) return;
    const stored = await this.kept.get(id);
    if (!stored) return this.start();
    this.conversation = stored;
    return this.draw();
  }

  // Asking and answering ----------------------------------------------------------------------------------------

  send(text) {
    const parent = this.conversation.leaf;
    this.#ask(add(this.conversation, parent, { role: "user", content: text.trim() }));
  }

  edit(message, text) {
    if (!this.isBusy) this.#ask(add(this.conversation, message.parent, { role: "user", content: text.trim() }));
  }

  regenerate(answer) {
    if (!this.isBusy) this.#ask(find(this.conversation, answer.parent));
  }

  /** Ask again: in the same place where nothing had come, else beside it. */
  retry(answer) {
    if (answer.content || answer.thought) this.regenerate(answer);
    else this.#run(Object.assign(answer, newReply(this.model)), branch(this.conversation, answer.parent));
  }

  goOn(answer) {
    this.#run(answer, branch(this.conversation, answer.id));
  }

  #ask(question) {
    const asked = branch(this.conversation, question.id);
    this.#run(add(this.conversation, question.id, newReply(this.model)), asked);
  }

  async #run(answer, asked) {
    const { conversation, settings, model, about } = this;
    const { parameters, wantsProbabilities } = settings;
    const body = requestBody({
      system: conversation.system,
      branch: asked,
      model,
      parameters,
      about,
      wantsProbabilities,
    });
    const run = new Run(this.server, body, answer);
    this.runs.set(conversation.id, { run, conversation });
    history.replaceState(null, "", `#/${conversation.id}`);
    this.frame.thread.follow();
    this.draw();
    await this.kept.keep(conversation);
    const drawing = new Drawing(() => this.conversation === conversation && this.frame.thread.update(answer));
    const keeping = setInterval(() => this.kept.save(conversation), 1000);
    await run.go(() => drawing.ask());
    clearInterval(keeping);
    drawing.end();
    await this.#ended(conversation, answer);
  }

  async #ended(conversation, answer) {
    if (!this.runs.has(conversation.id)) return; // deleted meanwhile
    this.runs.delete(conversation.id);
    await this.kept.keep(conversation);
    if (this.conversation === conversation) this.draw();
    say(answer.error ? answer.error.message : tr("The answer is complete.", "回答已完成。"));
    if (answer.error?.status === 401) await this.changeKey(true, () => this.retry(answer));
  }

  stop() {
    this.runs.get(this.conversation.id)?.run.stop();
  }

  async answerNow() {
    try {
      await this.runs.get(this.conversation.id)?.run.answerNow();
    } catch (failure) {
      note(failure.message);
    }
  }

  select(id) {
    select(this.conversation, id);
    this.draw();
    this.kept.keep(this.conversation, false);
  }

  offerProbabilities(answer) {
    if (this.isBusy) return;
    this.settings.set({ wantsProbabilities: true });
    this.build();
    note(
      tr("Probabilities are recorded from now on; this answer is made anew.", "从现在起记录概率；正在重新生成此回答。"),
    );
    this.regenerate(answer);
  }

  // Settings ----------------------------------------------------------------------------------------------------

  setSystem(system) {
    this.settings.set({ system });
    this.conversation.system = system;
    if (this.conversation.messages.length) this.kept.save(this.conversation);
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
    document.body.classList.toggle("shows-sidebar");
  }

  togglePanel() {
    document.body.classList.toggle("shows-panel");
  }

  closeSidebar() {
    document.body.classList.remove("shows-sidebar");
  }

  closeDrawers() {
    this.closeSidebar();
    if (matchMedia("(max-width: 1100px)").matches) document.body.classList.remove("shows-panel");
  }

  focusSearch() {
    document.body.classList.add("shows-sidebar");
    this.frame.sidebar.search.focus();
    this.frame.sidebar.search.select();
  }
}

const ACTIONS = (
  "start open search rename delete export exportAll import send edit regenerate retry goOn stop answerNow select offerProbabilities " +
  "setSystem setModel resetParameters setTheme switchLanguage changeKey toggleSidebar togglePanel closeSidebar closeDrawers"
).split(" ");
