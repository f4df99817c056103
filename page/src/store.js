// The conversations kept in this browser, in IndexedDB: no size worth naming, nothing sent anywhere.
// Every window writes what it knows; what another has written meanwhile stays.
import { openDB } from "idb";
import { mergeToKeep } from "./merge.js";
import { match, wordsOf } from "./search.js";

/** @typedef {{id: string, title: string, updated: number}} Summary */

const BOTH = ["conversations", "summaries"];
const summary = ({ id, title, updated }) => ({ id, title, updated });
const newestFirst = (summaries) => summaries.sort((a, b) => b.updated - a.updated);

export class Store {
  isLasting = true;
  #opened = null;

  /** Throws where the browser lets no page keep anything. */
  static async open() {
    const store = new Store();
    await store.#db();
    return store;
  }

  /** Some browsers end a connection by themselves (a phone that slept); it is opened again. */
  #db() {
    this.#opened ??= openDB("zhinao", 1, {
      upgrade(db) {
        db.createObjectStore("conversations", { keyPath: "id" });
        db.createObjectStore("summaries", { keyPath: "id" }); // the list is there without reading every word
      },
      blocking: (_current, _blocked, event) => event.target.close(),
      terminated: () => (this.#opened = null),
    });
    return this.#opened;
  }

  async #transaction(names, mode) {
    try {
      return (await this.#db()).transaction(names, mode);
    } catch (error) {
      if (error.name !== "InvalidStateError") throw error; // it was closing
      this.#opened = null;
      return (await this.#db()).transaction(names, mode);
    }
  }

  /** Newest first. @returns {Promise<Summary[]>} */
  async list() {
    return newestFirst(await (await this.#transaction("summaries")).store.getAll());
  }

  async get(id) {
    return (await this.#transaction("conversations")).store.get(id);
  }

  async all() {
    return (await this.#transaction("conversations")).store.getAll();
  }

  /** Add what is new or newer to what is kept; both records or neither. */
  async put(conversation) {
    const transaction = await this.#transaction(BOTH, "readwrite");
    const conversations = transaction.objectStore("conversations");
    const stored = await conversations.get(conversation.id);
    const whole = stored ? mergeToKeep(stored, conversation) : conversation;
    const puts = [conversations.put(whole), transaction.objectStore("summaries").put(summary(whole))];
    await Promise.all([...puts, transaction.done]);
  }

  async delete(id) {
    const transaction = await this.#transaction(BOTH, "readwrite");
    await Promise.all([...BOTH.map((name) => transaction.objectStore(name).delete(id)), transaction.done]);
  }

  /** The conversations that hold every word of `query`. @returns {Promise<Map<string, import("./search.js").Found>>} by id */
  async search(query) {
    const words = wordsOf(query);
    const found = new Map();
    let cursor = await (await this.#transaction("conversations")).store.openCursor();
    for (; cursor; cursor = await cursor.continue()) {
      const place = match(cursor.value, words);
      if (place) found.set(cursor.value.id, place);
    }
    return found;
  }
}

/** For a browser that keeps nothing, a private window for one: until the page is closed. */
export class FleetingStore {
  isLasting = false;
  #kept = new Map();

  async list() {
    return newestFirst([...this.#kept.values()].map(summary));
  }

  async get(id) {
    return this.#kept.get(id);
  }

  async all() {
    return [...this.#kept.values()];
  }

  async put(conversation) {
    this.#kept.set(conversation.id, conversation);
  }

  async delete(id) {
    this.#kept.delete(id);
  }

  async search(query) {
    const words = wordsOf(query);
    const found = [...this.#kept].map(([id, conversation]) => [id, match(conversation, words)]);
    return new Map(found.filter(([, place]) => place));
  }
}
