// The parameters of a request that a person can set, and which of them are sent: those that differ from the server's.
import { tr } from "./lang.js";

/** `kind`: number, whole or lines. `none`: what an empty field means where the server
 * tells no default. `isThinking`: shown only where the model thinks. `wire`: its name in the request. */
export const PARAMETERS = [
  {
    wire: "thinking_budget",
    kind: "whole",
    min: 0,
    step: 64,
    isThinking: true,
    none: () => tr("no limit", "不限"),
    label: () => tr("Thinking budget", "思考预算"),
    hint: () => tr("Tokens of thought before the answer is asked for", "思考多少个 token 后开始回答"),
  },
  {
    wire: "temperature",
    kind: "number",
    min: 0,
    max: 2,
    step: 0.1,
    label: () => tr("Temperature", "温度"),
    hint: () => tr("0 always takes the likeliest token", "0 表示总取概率最大的 token"),
  },
  {
    wire: "top_p",
    kind: "number",
    min: 0.01,
    max: 1,
    step: 0.05,
    label: () => "Top-p",
    hint: () => tr("Draw from the likeliest tokens that sum to this", "只从累计概率达到此值的 token 中抽取"),
  },
  {
    wire: "top_k",
    kind: "whole",
    min: -1,
    step: 1,
    label: () => "Top-k",
    hint: () => tr("Draw from this many tokens; 0 is all", "只从前若干个 token 中抽取；0 为不限"),
  },
  {
    wire: "min_p",
    kind: "number",
    min: 0,
    max: 1,
    step: 0.05,
    label: () => "Min-p",
    hint: () => tr("Leave out tokens less likely than this share of the likeliest", "去掉低于最大概率此比例的 token"),
  },
  {
    wire: "presence_penalty",
    kind: "number",
    min: -2,
    max: 2,
    step: 0.1,
    label: () => tr("Presence penalty", "存在惩罚"),
    hint: () => tr("Against words that have occurred", "减少已出现的词"),
  },
  {
    wire: "frequency_penalty",
    kind: "number",
    min: -2,
    max: 2,
    step: 0.1,
    label: () => tr("Frequency penalty", "频率惩罚"),
    hint: () => tr("Against words, by how often they occurred", "按出现次数减少重复的词"),
  },
  {
    wire: "repetition_penalty",
    kind: "number",
    min: 0.1,
    max: 2,
    step: 0.05,
    label: () => tr("Repetition penalty", "重复惩罚"),
    hint: () => tr("1 is off", "1 为关闭"),
  },
  {
    wire: "max_tokens",
    kind: "whole",
    min: 1,
    step: 64,
    none: () => tr("no limit", "不限"),
    label: () => tr("Longest answer", "最长回答"),
    hint: () =>
      tr("In tokens, thought included; empty: what the context holds", "以 token 计，含思考；留空则用满上下文"),
  },
  {
    wire: "seed",
    kind: "whole",
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    step: 1,
    none: () => tr("random", "随机"),
    label: () => tr("Seed", "随机种子"),
    hint: () => tr("The same seed draws the same answer", "相同的种子得到相同的回答"),
  },
  {
    wire: "stop",
    kind: "lines",
    none: () => tr("none", "无"),
    label: () => tr("Stop at", "停止词"),
    hint: () => tr("One a line", "每行一个"),
  },
];

/** What a field's text means: a value, undefined for an empty field, or null where it cannot be meant. */
export function valueOf(parameter, text) {
  if (text.trim() === "") return undefined;
  if (parameter.kind === "lines") return text.split("\n").filter((line) => line !== "");
  const value = numberOf(text, parameter.kind);
  const isGood =
    Number.isFinite(value) &&
    (parameter.kind !== "whole" || Number.isInteger(value)) &&
    value >= (parameter.min ?? -Infinity) &&
    value <= (parameter.max ?? Infinity);
  return isGood ? value : null;
}

/** As people write numbers: full-width as an input method gives them, `0,7` and `0。7`, `32,768`. NaN for anything else. */
function numberOf(text, kind) {
  const plain = text.trim().normalize("NFKC").replace("。", ".").replace("−", "-");
  const isGrouped = /^\d{1,3}(,\d{3})+$/.test(plain);
  const number = isGrouped && kind === "whole" ? plain.replaceAll(",", "") : plain.replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(number) ? Number(number) : NaN;
}

/** `0 … 2`, `≥ 0`: what may stand in a field. */
export function allowed({ kind, min, max }) {
  const range = max === undefined ? `≥\u00a0${min}` : `${min}\u00a0…\u00a0${max}`; // never broken
  return kind === "whole" ? tr(`whole numbers, ${range}`, `整数，${range}`) : range;
}

/** The value in force where a field says nothing. */
export const inForce = ({ wire, none }, defaults) =>
  defaults[wire] ?? none?.() ?? tr("the server's default", "服务器默认值");

/** The request fields for what was set, without what the server does anyway. */
export function differing(set, defaults) {
  const sent = {};
  for (const { wire } of PARAMETERS) {
    if (set[wire] !== undefined && set[wire] !== null && set[wire] !== defaults[wire]) sent[wire] = set[wire];
  }
  return sent;
}
