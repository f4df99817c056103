// What a person has set, kept in this browser: language, colours, key, model, system prompt, parameters.

const PLACE = "zhinao.settings";

const DEFAULTS = {
  language: null, // null: the browser's
  theme: null, // null: the system's
  key: "",
  model: null, // null: the server's first
  system: "", // of conversations that begin
  parameters: {},
  wantsProbabilities: false,
};

export class Settings {
  constructor() {
    Object.assign(this, DEFAULTS, read());
  }

  /** Change and keep; what another window has changed meanwhile stays. @param {Partial<typeof DEFAULTS>} changes */
  set(changes) {
    Object.assign(this, changes);
    try {
      localStorage.setItem(PLACE, JSON.stringify({ ...read(), ...changes }));
    } catch {
      // a browser that keeps nothing: they hold until the page is closed
    }
  }

  /** @param {() => void} then another window has changed some, which hold here, too */
  watch(then) {
    addEventListener("storage", ({ key }) => {
      if (key !== PLACE && key !== null) return;
      Object.assign(this, DEFAULTS, read());
      then();
    });
  }
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}
