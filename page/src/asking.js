// Questions that are asked, and the answers that run: in this window, or in another one of the same browser.
import { add, branch, find } from "./conversation.js";
import { Drawing } from "./drawing.js";
import { Elsewhere } from "./elsewhere.js";
import { sentenceOf } from "./failure.js";
import { tr } from "./lang.js";
import { become } from "./merge.js";
import { newReply, renew } from "./reply.js";
import { requestBody } from "./request.js";
import { Run } from "./run.js";
import { note, say } from "./view/notice.js";

const NEWS = 250; // milliseconds between two words to other windows about a growing answer

export class Asking {
  #runs = new Map(); // conversation id -> {run, conversation, told}

  /** @param {import("./app.js").App} app @param {import("./tabs.js").Tabs} tabs */
  constructor(app, tabs) {
    Object.assign(this, { app, tabs });
    this.elsewhere = new Elsewhere(tabs, (id) => this.#fellSilent(id));
    tabs.hear({
      running: (told) => this.#grew(told),
      ended: (told) => this.#grew(told, true),
      left: ({ id }) => this.elsewhere.has(id) && this.#fellSilent(id),
      who: ({ id }) => this.#tell(id),
      stop: ({ id }) => this.#runs.get(id)?.run.stop(),
      answerNow: ({ id }) => this.#answerNow(id),
    });
    addEventListener("pagehide", () => this.#runs.forEach((_, id) => tabs.tell("left", id)));
  }

  /** Whether an answer of the conversation runs, in whatever window. */
  has(id) {
    return this.#runs.has(id) || this.elsewhere.has(id);
  }

  runOf(conversation, message) {
    const run = this.#runs.get(conversation.id)?.run;
    return run?.message === message ? run : this.elsewhere.runOf(conversation.id, message);
  }

  /** A conversation with an answer that runs in this window, as it is now. */
  conversation(id) {
    return this.#runs.get(id)?.conversation ?? null;
  }

  /** An answer that runs nowhere any more was stopped: its window was closed. */
  async settle(conversation) {
    const { id, messages } = conversation;
    const isOpen = ({ finish }) => finish === null;
    if (!messages.some(isOpen) || this.#runs.has(id) || (await this.elsewhere.ask(id)) || this.#runs.has(id)) return;
    for (const message of messages.filter(isOpen)) message.finish = "stopped";
  }

  // Asking ------------------------------------------------------------------------------------------------------

  /** @param {{role: "user", content: string}} question below `parent` @param {object} [once] settings for this answer alone */
  ask(conversation, parent, question) {
    this.answer(conversation, add(conversation, parent, question));
  }

  answer(conversation, question, once = {}) {
    const asked = branch(conversation, question.id);
    this.#run(conversation, add(conversation, question.id, newReply(this.app.model)), asked, once);
  }

  /** Ask again: in the same place where nothing had come, else beside it. */
  retry(conversation, answer) {
    if (answer.content || answer.thought) this.answer(conversation, find(conversation, answer.parent));
    else this.#run(conversation, renew(answer, this.app.model), branch(conversation, answer.parent));
  }

  goOn(conversation, answer) {
    this.#run(conversation, answer, branch(conversation, answer.id));
  }

  async #run(conversation, answer, asked, once = {}) {
    const { app } = this;
    const { model, about } = app;
    const { parameters, wantsProbabilities } = { ...app.settings, ...once };
    const { system, id } = conversation;
    const body = requestBody({ system, branch: asked, model, parameters, about, wantsProbabilities });
    const run = new Run(app.server, body, answer);
    this.#runs.set(id, { run, conversation, told: 0 });
    app.begun(conversation);
    await app.kept.keep(conversation);
    const drawing = new Drawing(() => app.grown(conversation, answer));
    const keeping = setInterval(() => {
      app.kept.save(conversation);
      drawing.ask(); // the seconds go on
      this.#tell(id);
    }, 1000);
    await run.go(() => {
      drawing.ask();
      if (performance.now() - this.#runs.get(id)?.told > NEWS) this.#tell(id);
    });
    clearInterval(keeping);
    drawing.end();
    await this.#ended(conversation, answer);
  }

  async #ended(conversation, answer) {
    const { app, tabs } = this;
    if (!this.#runs.delete(conversation.id)) return; // deleted meanwhile
    await app.kept.keep(conversation);
    tabs.tell("ended", conversation.id, { message: answer });
    app.ended(conversation);
    say(answer.error ? sentenceOf(answer.error) : tr("The answer is complete.", "回答已完成。"));
    if (answer.error?.status === 401) await app.changeKey(true, () => app.retry(answer));
    else if (["unreachable", "lost"].includes(answer.error?.kind)) await app.meet();
  }

  // Stopping ----------------------------------------------------------------------------------------------------

  stop(id) {
    if (this.#runs.has(id)) this.#runs.get(id).run.stop();
    else if (this.elsewhere.has(id)) this.tabs.tell("stop", id);
  }

  /** The conversation goes, and whatever runs in it. */
  drop(id) {
    this.#runs.get(id)?.run.stop();
    this.#runs.delete(id);
    this.elsewhere.over(id);
  }

  answerNow(id) {
    if (this.#runs.has(id)) return this.#answerNow(id);
    return this.tabs.tell("answerNow", id);
  }

  async #answerNow(id) {
    try {
      await this.#runs.get(id)?.run.answerNow();
    } catch (failure) {
      note(failure.sentence ?? failure.message);
    }
  }

  // Other windows -----------------------------------------------------------------------------------------------

  #tell(id) {
    const running = this.#runs.get(id);
    if (!running) return;
    running.told = performance.now();
    this.tabs.tell("running", id, { message: running.run.message, isThinking: running.run.isThinking });
  }

  #grew(told, isOver = false) {
    const { app, elsewhere } = this;
    const isNews = elsewhere.has(told.id) === isOver;
    if (isOver) elsewhere.over(told.id);
    else elsewhere.heard(told);
    const message = app.conversation.id === told.id && find(app.conversation, told.message.id);
    if (message && (told.message.changed ?? 0) > (message.changed ?? 0)) become(message, told.message);
    if (app.conversation.id === told.id && !message) app.changedElsewhere(told.id);
    else if (isNews) app.draw();
    else if (message) app.grown(app.conversation, message);
    if (isNews) app.showList();
  }

  async #fellSilent(id) {
    this.elsewhere.over(id);
    await this.app.changedElsewhere(id);
    this.app.showList();
  }
}
