// The conversations kept in this browser, in IndexedDB: no size worth naming, nothing sent anywhere.
import { openDB } from "idb";

/** @typedef {{id: string, title: string, updated: number}} Summary */

export class Store {
  #db;

  static async open() {
    const store = new Store();
    store.#db = await openDB("zhinao", 1, {
      upgrade(db) {
        db.createObjectStore("conversations", { keyPath: "id" });
        db.createObjectStore("summaries", { keyPath: "id" }); // the list is there without reading every word
      },
      blocking: (_current, _blocked, event) => event.target.close(),
    });
    return store;
  }

  /** Newest first. @returns {Promise<Summary[]>} */
  async list() {
    return (await this.#db.getAll("summaries")).sort((a, b) => b.updated - a.updated);
  }

  get(id) {
    return this.#db.get("conversations", id);
  }

  all() {
    return this.#db.getAll("conversations");
  }

  /** Both records or neither. */
  async put(conversation) {
    const transaction = this.#db.transaction(["conversations", "summaries"], "readwrite");
    const { id, title, updated } = conversation;
    transaction.objectStore("conversations").put(conversation);
    transaction.objectStore("summaries").put({ id, title, updated });
    await transaction.done;
  }

  async delete(id) {
    const transaction = this.#db.transaction(["conversations", "summaries"], "readwrite");
    transaction.objectStore("conversations").delete(id);
    transaction.objectStore("summaries").delete(id);
    await transaction.done;
  }

  /** Ids of the conversations that hold every word of `query`, each with the place where the first one stands. */
  async search(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = new Map();
    let cursor = await this.#db.transaction("conversations").store.openCursor();
    for (; cursor; cursor = await cursor.continue()) {
      const place = match(cursor.value, words);
      if (place !== null) found.set(cursor.value.id, place);
    }
    return found;
  }
}

/** The words around the first hit in a message, "" where the title has it all, or null. */
export function match(conversation, words) {
  const title = conversation.title.toLowerCase();
  if (words.every((word) => title.includes(word))) return "";
  const texts = conversation.messages.map(({ content }) => content);
  const all = `${title}\n${texts.join("\n").toLowerCase()}`;
  if (!words.every((word) => all.includes(word))) return null;
  for (const text of texts) {
    const lower = text.toLowerCase();
    const at = Math.min(...words.map((word) => lower.indexOf(word)).filter((place) => place >= 0));
    if (at === Infinity) continue;
    const from = Math.max(0, at - 16);
    return `${from ? "…" : ""}${text.slice(from, at + 64).replace(/\s+/g, " ")}`;
  }
  return "";
}
