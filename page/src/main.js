// The chat page begins here.
import "katex/dist/katex.min.css";
import "./style/page.css";
import { App } from "./app.js";
import { chooseLanguage, tr } from "./lang.js";
import { Server } from "./server.js";
import { Settings } from "./settings.js";
import { Store } from "./store.js";
import { applyTheme } from "./theme.js";

const settings = new Settings();
applyTheme(settings.theme);
chooseLanguage(settings.language);

const server = new Server(new URL(".", document.baseURI), () => settings.key);
const opened = await Store.open().catch((error) => {
  const why = tr("This browser does not let the page keep conversations", "此浏览器不允许本页面保存对话");
  document.body.replaceChildren(
    Object.assign(document.createElement("p"), { textContent: `${why}: ${error.message}`, className: "fatal" }),
  );
});
if (opened) {
  const app = new App({ server, store: opened, settings });
  document.addEventListener("keydown", (event) => shortcut(event, app));
  await app.begin();
}

function shortcut(event, app) {
  if (event.isComposing || event.keyCode === 229) return;
  const isCommand = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (key === "escape" && !document.querySelector("dialog[open], [popover]:popover-open")) app.stop();
  else if (isCommand && key === "k") app.focusSearch();
  else if (isCommand && event.shiftKey && key === "o") app.start();
  else return;
  event.preventDefault();
}
