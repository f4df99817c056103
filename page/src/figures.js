// How many tokens an answer has and how fast they came, over all the pieces in which it was made. Pure.

/** Before an answer is continued: the figures of the pieces so far, so that the next one adds to them. */
export function setAside(message) {
  if (message.content || message.thought) {
    const tokens = numTokens(message);
    message.earlier = {
      tokens: tokens ?? 0,
      seconds: decodingSeconds(message),
      thoughtTokens: numThoughtTokens(message) ?? 0,
      thoughtSeconds: thoughtSeconds(message),
      isEstimate: tokens === null || isEstimate(message),
    };
  }
  const names = ["usage", "timings", "numChunks", "seconds", "firstSeconds", "thoughtFrom", "thoughtSeconds"];
  for (const name of names) delete message[name];
}

/** Tokens of the answer, its thought among them, or null where nothing is known. Without the server's count a chunk is taken for one. */
export function numTokens({ usage, numChunks, earlier }) {
  const now = usage?.completion_tokens ?? numChunks ?? null;
  return now === null ? (earlier?.tokens ?? null) : now + (earlier?.tokens ?? 0);
}

/** Whether some of the tokens were not counted by the server. */
export const isEstimate = ({ usage, numChunks, earlier }) => Boolean(earlier?.isEstimate || (!usage && numChunks));

/** Tokens of the thought, or null where the server does not count them. */
export const numThoughtTokens = ({ usage, earlier }) =>
  (usage?.completion_tokens_details?.reasoning_tokens || 0) + (earlier?.thoughtTokens ?? 0) || null;

export const thoughtSeconds = ({ timings, thoughtSeconds: seconds, earlier }) =>
  (timings?.thought_seconds || seconds || 0) + (earlier?.thoughtSeconds ?? 0);

/** Tokens a second of decoding, or null. */
export function speed(message) {
  const { usage, numChunks, timings, earlier } = message;
  const now = usage?.completion_tokens ?? numChunks ?? 0;
  if (!earlier && timings?.tokens_per_second) return timings.tokens_per_second;
  const seconds = decodingSeconds(message);
  const tokens = (timings?.tokens_per_second ? now : Math.max(now - 1, 0)) + (earlier?.tokens ?? 0);
  return tokens > 0 && seconds > 0.05 ? tokens / seconds : null;
}

/** Seconds in which tokens came, without the waiting for the first. */
function decodingSeconds({ usage, numChunks, timings, seconds, firstSeconds, earlier }) {
  const now = usage?.completion_tokens ?? numChunks ?? 0;
  const rate = timings?.tokens_per_second;
  return (rate ? now / rate : (seconds ?? 0) - (firstSeconds ?? seconds ?? 0)) + (earlier?.seconds ?? 0);
}
