// The conversations kept in this browser: the list that is shown, the search in it, and other tabs that change it.
import { fromJson, toJson } from "./exchange.js";
import { tr } from "./lang.js";
import { note } from "./view/notice.js";

export class Kept {
  summaries = [];
  found = null; // id -> place of the hit, while something is searched
  #query = "";

  /** @param {() => void} onList the list has changed @param {(id: string) => void} onElsewhere another tab changed one */
  constructor(store, onList, onElsewhere) {
    this.store = store;
    this.onList = onList;
    this.channel = new BroadcastChannel("zhinao");
    this.channel.addEventListener("message", async ({ data: id }) => {
      await this.refresh();
      onElsewhere(id);
    });
  }

  get(id) {
    return this.store.get(id);
  }

  async refresh() {
    this.summaries = await this.store.list();
    this.onList();
  }

  async search(query) {
    this.#query = query;
    const found = query.trim() ? await this.store.search(query) : null;
    if (this.#query !== query) return; // typed on meanwhile
    this.found = found;
    this.onList();
  }

  /** Keep it, without a word to anybody: an answer is growing. A browser that is full must not stop the conversation. */
  async save(conversation) {
    await this.store.put(conversation).catch((error) => {
      const { message } = error;
      note(tr(`The conversation cannot be kept in this browser: ${message}`, `无法在此浏览器中保存对话：${message}`));
    });
  }

  /** Keep it and tell. @param {boolean} isNews whether it moves to the top of the list */
  async keep(conversation, isNews = true) {
    if (isNews) conversation.updated = Date.now();
    await this.save(conversation);
    await this.#told(conversation.id);
  }

  async delete(id) {
    await this.store.delete(id);
    await this.#told(id);
  }

  async #told(id) {
    this.channel.postMessage(id);
    await this.refresh();
  }

  async allAsJson() {
    return toJson(await this.store.all());
  }

  /** Take in a file's conversations. Throws Error with a sentence. @returns {Promise<string[]>} their new ids */
  async takeIn(text) {
    const conversations = fromJson(text);
    for (const conversation of conversations) await this.store.put(conversation);
    await this.refresh();
    return conversations.map(({ id }) => id);
  }
}
