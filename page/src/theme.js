// Light or dark: as chosen, else as the system is.

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

/** @param {"light"|"dark"|null} theme null: the system's, also when it changes */
export function applyTheme(theme) {
  const apply = () => (document.documentElement.dataset.theme = theme ?? (systemIsDark.matches ? "dark" : "light"));
  systemIsDark.onchange = apply;
  apply();
}
