// The shown branch of a conversation, and the scrolling beside it.
import { branch } from "../conversation.js";
import { tr } from "../lang.js";
import { AnswerView } from "./answer.js";
import { iconButton } from "./button.js";
import { h } from "./dom.js";
import { firstMark, mark } from "./marks.js";
import { QuestionView } from "./question.js";
import { SystemView } from "./system.js";

export class Thread {
  #views = new Map();
  #isFollowing = true;
  #top = 0;
  #words = []; // what was searched is marked

  /** @param {() => HTMLElement} empty what an empty conversation shows */
  constructor(context, empty) {
    Object.assign(this, { context, empty });
    this.system = new SystemView(context);
    this.list = h("div", { class: "messages" });
    this.down = iconButton("down", tr("To the newest", "回到最新"), () => this.follow(), {
      class: "to-end",
      hidden: true,
    });
    this.scroller = h("div", { class: "scroller", tabindex: "-1" }, this.list);
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.element = h("div", { class: "thread" }, this.scroller, this.down);
  }

  /** Show the branch as it is now; views of messages that are still there are kept. */
  show() {
    const messages = branch(this.context.conversation);
    const views = new Map(messages.map((message) => [message.id, this.#viewOf(message)]));
    for (const [id, view] of this.#views) if (views.get(id) !== view) view.element.remove();
    this.#views = views;
    const { system } = this.context.conversation;
    this.isEmpty = !messages.length;
    const elements = this.isEmpty ? [this.#emptyPage()] : [...views.values()].map(({ element }) => element);
    if (system.trim()) elements.unshift(this.system.element);
    this.system.update();
    if (elements.length !== this.list.children.length || elements.some((one, n) => this.list.children[n] !== one)) {
      this.list.replaceChildren(...elements);
    }
    for (const view of views.values()) view.update();
    mark(this.list, this.#words);
    this.#keepUp();
  }

  /** Kept while it is shown and says the same: who has the focus on it keeps that. */
  #emptyPage() {
    const fresh = this.empty();
    const isThere = this.emptyPage?.isConnected && this.emptyPage.isEqualNode(fresh);
    return isThere ? this.emptyPage : (this.emptyPage = fresh);
  }

  /** Mark words, and go to where they stand in a message. @param {string|null} id @param {string[]} words none: no marks */
  find(id, words) {
    this.#words = words;
    const view = this.#views.get(id);
    view?.unfold?.();
    mark(this.list, words);
    if (!view) return;
    this.#isFollowing = false;
    const place = firstMark(view.element) ?? view.element;
    const { top } = place.getBoundingClientRect();
    this.scroller.scrollTop += top - this.scroller.getBoundingClientRect().top - this.scroller.clientHeight / 3;
    this.#top = this.scroller.scrollTop;
    this.#scrolled();
  }

  /** One message has grown. */
  update(message) {
    this.#views.get(message.id)?.update();
    this.#keepUp();
  }

  follow() {
    this.#isFollowing = true;
    this.#keepUp();
  }

  #viewOf(message) {
    const kept = this.#views.get(message.id);
    if (kept?.message === message) return kept;
    return message.role === "user" ? new QuestionView(message, this.context) : new AnswerView(message, this.context);
  }

  #keepUp() {
    const { scroller } = this;
    if (this.isEmpty) scroller.scrollTop = 0;
    else if (this.#isFollowing) scroller.scrollTop = scroller.scrollHeight;
    this.#scrolled();
  }

  /** Scrolling up lets go; reaching the end follows again. */
  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < 48;
    if (scrollTop < this.#top - 2 && !isAtEnd) this.#isFollowing = false;
    else if (isAtEnd) this.#isFollowing = true;
    this.#top = scrollTop;
    this.down.hidden = isAtEnd;
  }
}
