// The address bar: `#/ID` names the conversation that is shown. The browser's back button closes what lies over it, and goes to the one before.

export class Address {
  /** @param {(id: string|null) => void} onGo the person went back, forward, or wrote another address */
  constructor(onGo) {
    addEventListener("popstate", () => onGo(this.id));
  }

  get id() {
    return location.hash.slice(2) || null;
  }

  /** Another conversation is shown. @param {string|null} id null: an empty one */
  show(id) {
    if (id === this.id) this.uncover();
    else if (history.state?.isCovered) this.become(id);
    else history.pushState(null, "", addressOf(id));
  }

  /** The conversation that is shown got an address of its own, or lost it. */
  become(id) {
    if (id !== this.id) history.replaceState(null, "", addressOf(id));
  }

  /** A drawer lies over the conversation: back closes it. */
  cover() {
    if (!history.state?.isCovered) history.pushState({ isCovered: true }, "", location.href);
  }

  uncover() {
    if (history.state?.isCovered) history.back();
  }
}

const addressOf = (id) => (id ? `#/${id}` : location.pathname + location.search);
