// The answers that run in other windows of this page, as far as those tell of them.

const SILENCE = 3000; // milliseconds after which a window is asked whether it still runs
const OVER = 9000; // … and after which it is gone
const PATIENCE = 400; // within which a window that runs one says so

export class Elsewhere {
  #running = new Map(); // conversation id -> {messageId, isThinking, heard}
  #timer = 0;

  /** @param {import("./tabs.js").Tabs} tabs @param {(id: string) => void} onOver an answer's window has fallen silent */
  constructor(tabs, onOver) {
    this.tabs = tabs;
    this.onOver = onOver;
  }

  has(id) {
    return this.#running.has(id);
  }

  /** Of an answer that another window makes: whether it thinks. @returns {{isThinking: boolean}|null} */
  runOf(id, message) {
    const run = this.#running.get(id);
    return run?.messageId === message.id ? run : null;
  }

  heard({ id, message, isThinking }) {
    this.#running.set(id, { messageId: message.id, isThinking, heard: Date.now() });
    this.#timer ||= setInterval(() => this.#check(), 1000);
  }

  over(id) {
    this.#running.delete(id);
    if (!this.#running.size) this.#timer = clearInterval(this.#timer) ?? 0;
  }

  /** Whether any window runs this conversation's answer. */
  async ask(id) {
    if (!this.has(id)) {
      this.tabs.tell("who", id);
      const end = Date.now() + PATIENCE;
      while (!this.has(id) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.has(id);
  }

  #check() {
    for (const [id, { heard }] of this.#running) {
      const silence = Date.now() - heard;
      if (silence > OVER) {
        this.over(id);
        this.onOver(id);
      } else if (silence > SILENCE) this.tabs.tell("who", id);
    }
  }
}
