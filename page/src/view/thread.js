// The shown branch of a conversation, and the scrolling beside it.
import { branch } from "../conversation.js";
import { tr } from "../lang.js";
import { iconButton } from "./button.js";
import { h } from "./dom.js";
import { AnswerView, UserView } from "./message.js";

export class Thread {
  #views = new Map();
  #isFollowing = true;
  #top = 0;

  /** @param {() => HTMLElement} empty what an empty conversation shows */
  constructor(context, empty) {
    Object.assign(this, { context, empty });
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
    const elements = messages.length ? [...views.values()].map(({ element }) => element) : [this.empty()];
    if (elements.length !== this.list.children.length || elements.some((one, n) => this.list.children[n] !== one)) {
      this.list.replaceChildren(...elements);
    }
    for (const view of views.values()) view.update();
    this.#keepUp();
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
    return message.role === "user" ? new UserView(message, this.context) : new AnswerView(message, this.context);
  }

  #keepUp() {
    const { scroller } = this;
    if (this.#isFollowing) scroller.scrollTop = scroller.scrollHeight;
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
