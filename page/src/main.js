// The chat page begins here.
import "katex/dist/katex.min.css";
import "./style/page.css";
import { App } from "./app.js";
import { chooseLanguage } from "./lang.js";
import { Server } from "./server.js";
import { Settings } from "./settings.js";
import { FleetingStore, Store } from "./store.js";
import { applyTheme } from "./theme.js";

const settings = new Settings();
applyTheme(settings.theme);
chooseLanguage(settings.language);

const server = new Server(new URL(".", document.baseURI), () => settings.key);
const store = await Store.open().catch(() => new FleetingStore());
const app = new App({ server, store, settings });
document.addEventListener("keydown", (event) => shortcut(event));
await app.begin();

function shortcut(event) {
  if (event.isComposing || event.keyCode === 229) return;
  const isCommand = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (key === "escape" && !document.querySelector("dialog[open], [popover]:popover-open"))
    app.closeDrawers() || app.stop();
  else if (isCommand && key === "k") app.focusSearch();
  else if (isCommand && event.shiftKey && key === "o") app.start();
  else return;
  event.preventDefault();
}
