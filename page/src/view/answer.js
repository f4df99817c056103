// An answer on the screen, with its thought, its actions and its figures.
import { siblings } from "../conversation.js";
import { sentenceOf } from "../failure.js";
import { tr } from "../lang.js";
import { canContinue } from "../reply.js";
import { GrowingMarkdown } from "../text/growing.js";
import { iconButton } from "./button.js";
import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { figures, pace } from "./pace.js";
import { probabilityView } from "./probabilities.js";
import { ThoughtView } from "./thought.js";
import { versions } from "./versions.js";

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
    this.pace = h("div", { class: "pace" });
    this.end = h("div", { class: "end" });
    this.element = h(
      "article",
      { class: "message assistant", "aria-label": tr("Assistant", "助手"), "data-id": message.id },
      ...[this.thought.element, this.body, this.tokens, this.waiting, this.pace, this.end],
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
    this.pace.textContent = run ? pace(message) : "";
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
  return h("div", { class: "trouble", role: "alert" }, h("p", {}, sentenceOf(message.error)), retry);
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
