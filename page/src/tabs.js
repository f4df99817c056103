// What the windows with this page tell one another. A browser without the channel has windows that know nothing of each other.

/**
 * What is told: `changed`, `deleted` (a conversation), `running` (with the message as it is), `ended`, `left` (its window was
 * closed), and what is asked of the window that runs it: `who`, `stop`, `answerNow`. Each with the conversation's `id`.
 */
export class Tabs {
  #hear = new Map();
  #channel = null;

  constructor() {
    if (typeof BroadcastChannel === "undefined") return;
    this.#channel = new BroadcastChannel("zhinao");
    this.#channel.addEventListener("message", ({ data }) => this.#hear.get(data?.type)?.(data));
  }

  /** @param {Record<string, (told: {id: string, message?: object}) => void>} hear by the kind of what is told */
  hear(hear) {
    for (const [type, listener] of Object.entries(hear)) this.#hear.set(type, listener);
  }

  tell(type, id, more = {}) {
    this.#channel?.postMessage({ type, id, ...more });
  }
}
