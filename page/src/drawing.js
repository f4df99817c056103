// How often a growing answer is drawn. Draws nothing itself.

/** Draws at most once a frame, and never more than a third of the time. */
export class Drawing {
  #waiting = 0;

  constructor(draw) {
    this.draw = draw;
    this.next = 0;
  }

  ask() {
    if (this.#waiting) return;
    this.#waiting = setTimeout(
      () => requestAnimationFrame(() => this.#now()),
      Math.max(0, this.next - performance.now()),
    );
  }

  #now() {
    if (!this.#waiting) return;
    this.#waiting = 0;
    const begun = performance.now();
    this.draw();
    this.next = performance.now() + 2 * (performance.now() - begun);
  }

  end() {
    clearTimeout(this.#waiting);
    this.#waiting = 0;
  }
}
