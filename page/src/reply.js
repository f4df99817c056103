// An assistant's message that grows by the chunks of a stream. Pure: knows neither network nor screen.
import { later } from "./conversation.js";
import { setAside } from "./figures.js";

/** Fields of an answer that has not begun. `finish` null: it is running. */
export function newReply(model) {
  return { role: "assistant", content: "", thought: "", notes: [], tokens: [], finish: null, error: null, model };
}

/** An answer of which nothing had come, as if it had not begun. */
export function renew(message, model) {
  const { id, parent, created } = message;
  for (const name of Object.keys(message)) delete message[name];
  return Object.assign(message, { id, parent, created, ...newReply(model) });
}

/** Times are taken here, since not every server tells them. Seconds since the request. */
export class Growth {
  #start;

  /** @param {object} message what newReply gave, or one that is continued */
  constructor(message, now = performance.now()) {
    this.message = message;
    this.id = null; // the server's name for this request
    this.#start = now;
    setAside(message);
    Object.assign(message, { finish: null, error: null });
    this.#changed();
  }

  #changed() {
    this.message.changed = later(this.message.changed);
  }

  /** @returns {boolean} whether anything of the answer has arrived */
  take(chunk, now = performance.now()) {
    const seconds = (now - this.#start) / 1000;
    this.id ??= chunk.id ?? null;
    if (chunk.usage) this.message.usage = chunk.usage;
    if (chunk.timings) this.message.timings = chunk.timings;
    for (const choice of chunk.choices ?? []) {
      if (!choice.index) this.#choice(choice, seconds);
    }
    this.message.seconds = seconds;
    this.#changed();
  }

  /** It is over, without the server's last word. */
  end(finish, error = null) {
    Object.assign(this.message, { finish, error });
    this.#changed();
  }

  get isThinking() {
    return this.message.finish === null && this.message.thought !== "" && this.message.content === "";
  }

  #choice(choice, seconds) {
    const { message } = this;
    const delta = choice.delta ?? {};
    const thought = delta.reasoning_content ?? delta.reasoning ?? "";
    if (choice.reclassified) this.#reclassify(thought, seconds);
    else if (thought) this.#think(thought, seconds);
    if (delta.content) this.#answer(delta.content, seconds);
    if (thought || delta.content) message.numChunks = (message.numChunks ?? 0) + 1;
    if (choice.note) message.notes.push(choice.note);
    const isThought = thought !== "" || (!delta.content && message.content === "" && message.thought !== "");
    for (const token of choice.logprobs?.content ?? []) this.#token(token, isThought);
    if (choice.thought_end) message.thoughtEnd = choice.thought_end;
    if (choice.finish_reason) message.finish = choice.finish_reason;
  }

  #think(text, seconds) {
    this.message.firstSeconds ??= seconds;
    this.message.thoughtFrom ??= seconds;
    this.message.thought += text;
    this.message.thoughtSeconds = seconds - this.message.thoughtFrom;
  }

  #answer(text, seconds) {
    this.message.firstSeconds ??= seconds;
    if (this.message.content === "" && this.message.thought) {
      this.message.thoughtSeconds = seconds - (this.message.thoughtFrom ?? seconds);
    }
    this.message.content += text;
  }

  /** All that looked like the answer was the thought: its opening tag had been missing. */
  #reclassify(text, seconds) {
    const { message } = this;
    message.thought = text || message.content;
    message.content = "";
    message.thoughtFrom = message.firstSeconds ?? 0;
    message.thoughtSeconds = seconds - message.thoughtFrom;
    for (const token of message.tokens) token.isThought = true;
  }

  #token({ token, logprob, top_logprobs: others }, isThought) {
    const alternatives = (others ?? []).map((one) => [one.token, one.logprob]);
    this.message.tokens.push({ text: token, logprob, isThought, ...(alternatives.length > 1 ? { alternatives } : {}) });
  }
}

/** Whether the answer broke off and can be gone on with. `isOurs`: our server also answers from a thought that broke off. */
export function canContinue({ finish, content, thought }, isOurs) {
  const hasBegun = content !== "" || (isOurs && thought !== "");
  return ["length", "stopped", "lost", "error"].includes(finish) && hasBegun;
}
