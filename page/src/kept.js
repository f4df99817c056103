// The conversations kept in this browser: the list that is shown, and the search in it. Other windows are told of what changes.
import { fromJson, toJson } from "./exchange.js";
import { tr } from "./lang.js";
import { note } from "./view/notice.js";

export class Kept {
  summaries = [];
  found = null; // id -> where the words stand, while something is searched
  query = "";
  #deleted = new Set(); // an answer that still runs must not bring one back
  #unsaved = new Map(); // what a full browser did not take: there until the page is closed

  /** @param {import("./tabs.js").Tabs} tabs @param {() => void} onList the list has changed */
  constructor(store, tabs, onList) {
    Object.assign(this, { store, tabs, onList });
  }

  get isLasting() {
    return this.store.isLasting;
  }

  async get(id) {
    return this.#unsaved.get(id) ?? this.store.get(id);
  }

  async refresh() {
    const unsaved = [...this.#unsaved.values()];
    const stored = (await this.store.list()).filter(({ id }) => !this.#unsaved.has(id));
    this.summaries = [...unsaved, ...stored].sort((a, b) => b.updated - a.updated);
    if (this.query.trim()) await this.search(this.query);
    else this.onList();
  }

  async search(query) {
    this.query = query;
    const found = query.trim() ? await this.store.search(query) : null;
    if (this.query !== query) return; // typed on meanwhile
    this.found = found;
    this.onList();
  }

  /** Keep it, without a word to anybody: an answer is growing. A browser that is full must not stop the conversation. */
  async save(conversation) {
    if (this.#deleted.has(conversation.id)) return;
    try {
      await this.store.put(conversation);
      this.#unsaved.delete(conversation.id);
    } catch ({ message }) {
      if (!this.#unsaved.has(conversation.id))
        note(tr(`The conversation cannot be kept in this browser: ${message}`, `无法在此浏览器中保存对话：${message}`));
      this.#unsaved.set(conversation.id, conversation); // and said once
    }
  }

  /** Keep it and tell. @param {boolean} isNews whether it moves to the top of the list */
  async keep(conversation, isNews = true) {
    if (isNews) conversation.updated = Date.now();
    await this.save(conversation);
    this.tabs.tell("changed", conversation.id);
    await this.refresh();
  }

  async delete(id) {
    this.#deleted.add(id);
    this.#unsaved.delete(id);
    await this.store.delete(id);
    this.tabs.tell("deleted", id);
    await this.refresh();
  }

  /** Another window has deleted it; what this one has written in the same moment goes, too. */
  async deletedElsewhere(id) {
    const isKnown = this.#deleted.has(id);
    this.#deleted.add(id);
    if (!isKnown) await this.store.delete(id);
    await this.refresh();
  }

  async allAsJson() {
    return toJson(await this.store.all());
  }

  /** Take in a file's conversations. Throws Error with a sentence. @returns {Promise<string[]>} their new ids */
  async takeIn(text) {
    const conversations = fromJson(text);
    for (const conversation of conversations) await this.store.put(conversation);
    this.tabs.tell("changed", null);
    await this.refresh();
    return conversations.map(({ id }) => id);
  }
}
