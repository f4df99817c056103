// What is told below an answer in figures: while it comes, and when it is there.
import { isEstimate, numTokens, speed } from "../figures.js";
import { count, duration, tr } from "../lang.js";

/** `312 tokens · 42.1 tokens/s · context 1,204 of 32,768`, as far as they are known. */
export function figures(message, about) {
  return parts(message, context(message, about));
}

/** While it comes: `≈ 40 tokens · 31.2 tokens/s`; before its first word, how long it has been waited for. */
export function pace(message) {
  if (message.content || message.thought) return parts(message, null);
  const seconds = Math.floor((Date.now() - message.changed) / 1000);
  if (seconds < 1) return "";
  const time = seconds < 10 ? tr(`${seconds} s`, `${seconds} 秒`) : duration(seconds);
  return tr(`waiting · ${time}`, `等待中 · ${time}`);
}

function parts(message, last) {
  const tokens = numTokens(message);
  if (tokens === null) return "";
  const sign = isEstimate(message) ? "≈ " : "";
  const rate = speed(message);
  return [
    tr(`${sign}${count(tokens)} tokens`, `${sign}${count(tokens)} 个 token`),
    rate && tr(`${rate.toFixed(1)} tokens/s`, `${rate.toFixed(1)} token/秒`),
    last,
  ]
    .filter(Boolean)
    .join(" · ");
}

function context({ usage }, { numContextTokens: total }) {
  if (!usage) return null;
  const used = count((usage.prompt_tokens ?? 0) + (usage.completion_tokens ?? 0));
  return total
    ? tr(`context ${used} of ${count(total)}`, `上下文 ${used} / ${count(total)}`)
    : tr(`context ${used}`, `上下文 ${used}`);
}
