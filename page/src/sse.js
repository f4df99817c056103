// Server-sent events out of bytes. Chunks may end anywhere: inside a character, between CR and LF, inside a field name.

/** Feed it the bytes as they come; each call gives the `data` of the events that became whole. */
export class EventReader {
  #decoder = new TextDecoder();
  #rest = "";
  #data = [];

  /** @param {Uint8Array} bytes @returns {string[]} */
  push(bytes) {
    return this.#lines(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What a server that closed without the last empty line left behind. @returns {string[]} */
  end() {
    return this.#lines(`${this.#decoder.decode()}\n\n`);
  }

  #lines(text) {
    const events = [];
    const whole = this.#rest + text;
    let start = 0;
    for (const { 0: lineEnd, index } of whole.matchAll(/\r\n|\n|\r/g)) {
      if (lineEnd === "\r" && index + 1 === whole.length) break; // its LF may still come
      this.#line(whole.slice(start, index), events);
      start = index + lineEnd.length;
    }
    this.#rest = whole.slice(start);
    return events;
  }

  #line(line, events) {
    if (line.startsWith("data:")) {
      this.#data.push(line.slice(line[5] === " " ? 6 : 5));
    } else if (line === "" && this.#data.length) {
      events.push(this.#data.join("\n"));
      this.#data = [];
    }
  }
}
