// Sentences in English and Simplified Chinese, side by side where they are used.

let chosen = "en";

/** @param {"en" | "zh" | null} language null: the browser's */
export function chooseLanguage(language) {
  const wanted = language ?? (typeof navigator === "undefined" ? "en" : (navigator.language ?? "en"));
  chosen = wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
  if (typeof document !== "undefined") document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
}

export const language = () => chosen;

/** @param {string[]} known languages; none: nobody has told us @returns {boolean} whether the reader's is among them */
export const isSpoken = (known) => !known.length || known.includes(chosen);

/** @param {string} text @param {string[]} known languages @returns {boolean} whether there is Chinese in it, which is none of them */
export const isChineseInVain = (text, known) =>
  known.length > 0 && !known.includes("zh") && /[\u3400-\u9fff]/.test(text);

export const tr = (english, chinese) => (chosen === "zh" ? chinese : english);

/** A count with separators: 32,768. */
export const count = (number) => number.toLocaleString("en-US");

/** A duration: `0.4 s`, `12 s`, `3 min 5 s`. */
export function duration(seconds) {
  const [s, min] = chosen === "zh" ? [" 秒", " 分"] : [" s", " min"];
  if (seconds < 9.95) return `${seconds.toFixed(1)}${s}`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole}${s}` : `${Math.floor(whole / 60)}${min} ${whole % 60}${s}`;
}
