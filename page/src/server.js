// The server's API as this page uses it. Knows neither conversations nor the screen.
import { Failure, lost, refused, told, unreachable } from "./failure.js";
import { language } from "./lang.js";
import { EventReader } from "./sse.js";

/** @typedef {{model: string|null, thinks: boolean, languages: string[], numContextTokens: number|null, defaults: object, isOurs: boolean, version: string|null}} About */

export class Server {
  /** @param {URL|string} base where the page lies @param {() => string|null} key read anew for each request */
  constructor(base, key) {
    this.base = base;
    this.key = key;
  }

  /** What the server says of itself. `isOurs` is false on a server without `/props`, plain vLLM for one. @returns {Promise<About>} */
  async about() {
    const props = await this.#json("props").catch((failure) => {
      if (failure.kind === "refused" && !failure.needsKey && failure.status !== 503) return null;
      throw failure;
    });
    const isOurs = typeof props?.thinks === "boolean";
    return {
      model: isOurs ? props.model : null,
      thinks: isOurs && props.thinks,
      languages: (isOurs && props.languages) || [],
      numContextTokens: (isOurs && props.num_context_tokens) || null,
      defaults: (isOurs && props.defaults) || {},
      version: (isOurs && props.version) || null,
      isOurs,
    };
  }

  /** The models, each under the first of its names. @returns {Promise<{id: string, numContextTokens: number|null}[]>} */
  async models() {
    const { data } = await this.#json("v1/models");
    const isFirst = ({ root }, n) => !root || data.findIndex((other) => other.root === root) === n;
    return data.filter(isFirst).map(({ id, max_model_len: length }) => ({ id, numContextTokens: length ?? null }));
  }

  /** Chunks of a streamed answer. Throws Failure; an abort by `signal` ends it quietly. */
  async *chat(body, signal) {
    const response = await this.#fetch("v1/chat/completions", { method: "POST", body: JSON.stringify(body), signal });
    const events = new EventReader();
    const reader = response.body.getReader();
    for (let isDone = false; !isDone;) {
      const { value, done } = await reader.read().catch(() => {
        if (signal.aborted) return { done: true };
        throw lost();
      });
      isDone = done;
      for (const data of done ? events.end() : events.push(value)) {
        if (data === "[DONE]") return;
        yield parsed(data);
      }
    }
  }

  /** Close the thought of a running answer. @returns {Promise<boolean>} whether one was running */
  async answerNow(id) {
    const path = `v1/chat/completions/${encodeURIComponent(id)}/answer_now`;
    return (await (await this.#fetch(path, { method: "POST", body: "{}" })).json()).closed;
  }

  async #json(path) {
    const response = await this.#fetch(path, {});
    return response.json().catch(() => {
      throw new Failure("refused", `${path}: JSON?`, { status: response.status });
    });
  }

  async #fetch(path, options) {
    const key = this.key();
    const headers = {
      "Content-Type": "application/json",
      "Accept-Language": language() === "zh" ? "zh-CN, zh;q=0.9, en;q=0.5" : "en", // the page's, which need not be the browser's
      ...(key ? { Authorization: `Bearer ${key}` } : {}),
    };
    const response = await fetch(new URL(path, this.base), { ...options, headers, credentials: "same-origin" }).catch(
      (error) => {
        if (error.name === "AbortError") throw error;
        throw unreachable();
      },
    );
    if (!response.ok) throw await refused(response);
    return response;
  }
}

function parsed(data) {
  let chunk;
  try {
    chunk = JSON.parse(data);
  } catch {
    throw lost();
  }
  if (chunk.error) throw told(chunk.error);
  return chunk;
}
