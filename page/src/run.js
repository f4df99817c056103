// One request under way: it fills an assistant's message. Knows no screen; `onChange` is called for every chunk and at the end.
import { Failure, lost } from "./failure.js";
import { Growth } from "./reply.js";

export class Run {
  #abort = new AbortController();
  #server;
  #body;
  #growth;

  constructor(server, body, message) {
    this.message = message;
    this.#server = server;
    this.#body = body;
    this.#growth = new Growth(message);
  }

  get isThinking() {
    return this.#growth.isThinking;
  }

  /** Until everything is there, or stopped, or failed; `message.finish` tells which. Never throws. */
  async go(onChange) {
    const { message } = this;
    try {
      for await (const chunk of this.#server.chat(this.#body, this.#abort.signal)) {
        this.#growth.take(chunk);
        onChange();
      }
      if (message.finish === null) this.#fail(lost()); // the server closed without saying why
    } catch (error) {
      this.#fail(error);
    }
    onChange();
  }

  /** Keep what there is. */
  stop() {
    this.#abort.abort();
  }

  /** Close the thought. @returns {Promise<boolean>} */
  async answerNow() {
    return this.#growth.id ? this.#server.answerNow(this.#growth.id) : false;
  }

  #fail(error) {
    if (error.name === "AbortError" || this.#abort.signal.aborted) {
      this.#growth.end("stopped");
      return;
    }
    if (!(error instanceof Failure)) throw error;
    this.#growth.end(error.kind === "lost" ? "lost" : "error", error.facts);
  }
}
