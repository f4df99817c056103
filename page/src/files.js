// Files to and from this computer. The policy allows no forms and no frames; links and file fields are enough.
import { h } from "./view/dom.js";

/** Offer a text as a download. */
export function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** @returns {Promise<string|null>} the text of a file that the person chooses */
export async function choose(accept) {
  const [file] = await chosen({ accept });
  return file ? file.text() : null;
}

/** @returns {Promise<File[]>} */
export const chooseFiles = () => chosen({ multiple: true });

function chosen(attributes) {
  const field = h("input", { type: "file", class: "away", "aria-hidden": "true", ...attributes });
  document.body.append(field);
  return new Promise((resolve) => {
    const done = () => {
      field.remove();
      resolve([...field.files]);
    };
    field.addEventListener("change", done);
    field.addEventListener("cancel", done);
    field.click();
  });
}
