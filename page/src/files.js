// Files to and from this computer. The policy allows no forms and no frames; links and file fields are enough.
import { h } from "./view/dom.js";

/** Offer a text as a download. */
export function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** @returns {Promise<string|null>} the text of a file that the person chooses */
export function choose(accept) {
  const field = h("input", { type: "file", accept, class: "away", "aria-hidden": "true" });
  document.body.append(field);
  return new Promise((resolve) => {
    const done = async () => {
      field.remove();
      resolve(field.files[0] ? await field.files[0].text() : null);
    };
    field.addEventListener("change", done);
    field.addEventListener("cancel", done);
    field.click();
  });
}
