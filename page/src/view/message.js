// One message on the screen: a question that can be edited, or an answer with its thought, its actions and its figures.
import { siblings } from "../conversation.js";
import { count, tr } from "../lang.js";
import { canContinue, speed } from "../reply.js";
import { GrowingMarkdown } from "../text/growing.js";
import { iconButton } from "./button.js";
import { isSendingKey } from "./composer.js";
import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { probabilityView } from "./probabilities.js";
import { ThoughtView } from "./thought.js";

/** `‹ 2/3 ›` between the versions of a message; nothing where there is one. */
function versions(message, { conversation, actions, isBusy }) {
  const all = siblings(conversation, message);
  if (all.length < 2) return null;
  const at = all.indexOf(message);
  const step = (name, label, to) => iconButton(name, label, () => actions.select(to.id), { disabled: !to || isBusy });
  return h(
    "span",
    { class: "versions" },
    step("left", tr("Version before", "上一版本"), all[at - 1]),
    h("span", { class: "versions-count" }, `${at + 1}/${all.length}`),
    step("right", tr("Next version", "下一版本"), all[at + 1]),
  );
}

export class UserView {
  constructor(message, context) {
    Object.assign(this, { message, context });
    this.element = h("article", { class: "message user", "aria-label": tr("You", "我"), "data-id": message.id });
    this.update();
  }

  update() {
    const { message, context } = this;
    if (this.isEdited) return;
    const edit = iconButton("edit", tr("Edit", "编辑"), () => this.#edit(), { disabled: context.isBusy });
    const copy = copyButton(() => message.content, tr("Copy", "复制"));
    const actions = h("div", { class: "actions" }, versions(message, context), copy, edit);
    this.element.replaceChildren(h("div", { class: "said" }, message.content), actions);
  }

  #edit() {
    const field = h("textarea", { rows: "3", "aria-label": tr("Edit the message", "编辑消息") });
    field.value = this.message.content;
    const send = () => field.value.trim() && this.#leave(() => this.context.actions.edit(this.message, field.value));
    field.addEventListener("keydown", (event) => {
      if (isSendingKey(event)) send();
      else if (event.key === "Escape" && !event.isComposing) this.#leave();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    const cancel = h("button", { type: "button", class: "plain", onclick: () => this.#leave() }, tr("Cancel", "取消"));
    const ok = h("button", { type: "button", class: "main", onclick: send }, tr("Send", "发送"));
    this.isEdited = true;
    this.element.replaceChildren(h("div", { class: "editor" }, field, h("div", { class: "buttons" }, cancel, ok)));
    field.focus();
  }

  #leave(then = () => {}) {
    this.isEdited = false;
    this.update();
    then();
  }
}

export class AnswerView {
  constructor(message, context) {
    Object.assign(this, { message, context });
    this.thought = new ThoughtView(() => context.actions.answerNow());
    this.body = h("div", { class: "markdown" });
    this.markdown = new GrowingMarkdown(this.body);
    this.waiting = h(
      "div",
      { class: "waiting", "aria-label": tr("Waiting for the model", "等待模型") },
      h("span"),
      h("span"),
      h("span"),
    );
    this.tokens = h("div", { hidden: true });
    this.end = h("div", { class: "end" });
    this.element = h(
      "article",
      { class: "message assistant", "aria-label": tr("Assistant", "助手"), "data-id": message.id },
      ...[this.thought.element, this.body, this.tokens, this.waiting, this.end],
    );
    this.update();
  }

  update() {
    const { message, context } = this;
    const run = context.runOf(message);
    this.element.classList.toggle("is-running", Boolean(run));
    this.element.setAttribute("aria-busy", String(Boolean(run)));
    this.thought.update(message, Boolean(run?.isThinking), context.about.isOurs);
    this.markdown.show(message.content);
    this.waiting.hidden = !run || message.content !== "" || message.thought !== "";
    this.end.replaceChildren(...(run ? [] : this.#ending()));
  }

  /** What stands below an answer that is over. */
  #ending() {
    const { message, context } = this;
    const continued = () => context.actions.goOn(message);
    const more = canContinue(message, context.about.isOurs) && context.isLast(message) && !context.isBusy;
    const goOn =
      more &&
      h(
        "button",
        { type: "button", class: "quiet go-on", onclick: continued },
        icon("forward"),
        tr("Continue", "继续"),
      );
    const isEmpty = !message.content && !message.thought;
    const foot =
      !(message.error && isEmpty && siblings(context.conversation, message).length < 2) &&
      h("div", { class: "foot" }, this.#actions(), h("span", { class: "figures" }, figures(message, context.about)));
    return [trouble(message, context), reason(message), goOn, foot].filter(Boolean);
  }

  #actions() {
    const { message, context } = this;
    const again = () => context.actions.regenerate(message);
    return h(
      "span",
      { class: "actions" },
      versions(message, context),
      message.content && copyButton(() => message.content, tr("Copy", "复制")),
      iconButton("again", tr("Regenerate", "重新生成"), again, { disabled: context.isBusy }),
      message.content &&
        iconButton("chart", tr("Token probabilities", "token 概率"), () => this.#flipTokens(), {
          class: "show-tokens",
        }),
    );
  }

  #flipTokens() {
    const tokens = this.message.tokens.filter(({ isThought }) => !isThought);
    if (!tokens.length) {
      this.context.actions.offerProbabilities(this.message);
      return;
    }
    this.tokens.replaceChildren(probabilityView(tokens));
    this.tokens.hidden = !this.tokens.hidden;
    this.body.hidden = !this.tokens.hidden;
  }
}

function trouble(message, { actions, isBusy }) {
  if (!message.error) return null;
  const onclick = () => actions.retry(message);
  const retry = h(
    "button",
    { type: "button", class: "quiet retry", disabled: isBusy, onclick },
    icon("again"),
    tr("Try again", "重试"),
  );
  return h("div", { class: "trouble", role: "alert" }, h("p", {}, message.error.message), retry);
}

const REASONS = {
  length: () => tr("The answer was cut off at its longest length.", "回答达到最大长度，被截断。"),
  stopped: () => tr("Stopped.", "已停止。"),
};

function reason({ finish, content, thought }) {
  const sentence =
    finish === "length" && thought && !content
      ? tr(
          "The length was used up while thinking. A thinking budget leaves room for the answer.",
          "长度在思考时已用完。设置思考预算可为回答留出空间。",
        )
      : REASONS[finish]?.();
  return sentence ? h("p", { class: "reason" }, sentence) : null;
}

/** `312 tokens · 42.1 tokens/s · context 1,204 of 32,768`, as far as they are known. */
function figures(message, about) {
  const { usage } = message;
  if (!usage) return "";
  const rate = speed(message);
  const total = about.numContextTokens;
  const used = count((usage.prompt_tokens ?? 0) + (usage.completion_tokens ?? 0));
  return [
    tr(`${count(usage.completion_tokens)} tokens`, `${count(usage.completion_tokens)} 个 token`),
    rate && tr(`${rate.toFixed(1)} tokens/s`, `${rate.toFixed(1)} token/秒`),
    total
      ? tr(`context ${used} of ${count(total)}`, `上下文 ${used} / ${count(total)}`)
      : tr(`context ${used}`, `上下文 ${used}`),
  ]
    .filter(Boolean)
    .join(" · ");
}
