// What a person has set, kept in this browser: language, colours, key, model, system prompt, parameters.

const PLACE = "zhinao.settings";

const DEFAULTS = {
  language: null, // null: the browser's
  theme: null, // null: the system's
  key: "",
  model: null, // null: the server's first
  system: "",
  parameters: {},
  wantsProbabilities: false,
};

export class Settings {
  constructor() {
    Object.assign(this, DEFAULTS, read());
  }

  /** Change and keep. @param {Partial<typeof DEFAULTS>} changes */
  set(changes) {
    Object.assign(this, changes);
    try {
      localStorage.setItem(PLACE, JSON.stringify(this));
    } catch {
      // a browser that keeps nothing: they hold until the page is closed
    }
  }
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}
