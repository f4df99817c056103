// What went wrong between this page and the server: facts that are kept with an answer, and a sentence in the reader's language.
// What the page can say by itself it says by the error's code; other words of the server are passed on as such. Shows nothing.
import { count, language, tr } from "./lang.js";

/**
 * `kind`: `refused` (the server said no), `unreachable` (nothing was sent), `lost` (the answer broke off).
 * `message`: the server's own words, or "". `wait`: seconds after which it may be tried again.
 * @typedef {{kind: string, message: string, status: number, code: string|null, param: string|null, wait: number}} Facts
 */

export class Failure extends Error {
  /** @param {Partial<Facts>} facts */
  constructor(kind, facts = {}) {
    super(facts.message ?? kind);
    this.facts = { kind, message: "", status: 0, code: null, param: null, wait: 0, ...facts };
    Object.assign(this, { kind, status: this.facts.status });
  }

  get needsKey() {
    return this.status === 401;
  }

  get sentence() {
    return sentenceOf(this.facts);
  }
}

export const unreachable = () => new Failure("unreachable");

export const lost = () => new Failure("lost");

/** @param {{message?: string, code?: unknown, param?: string}} error of a stream, in OpenAI's shape */
export function told(error, status = 0, wait = 0) {
  const { message, code, param } = error ?? {};
  const word = (value) => (typeof value === "string" ? value : "");
  return new Failure("refused", {
    status,
    wait,
    message: word(message),
    code: word(code) || null,
    param: word(param) || null,
  });
}

/** The failure that a response with an error status tells of. */
export async function refused(response) {
  const text = await response.text().catch(() => "");
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // a proxy's HTML page, or nothing
  }
  const detail = body?.error ?? (typeof body?.detail === "string" ? { message: body.detail } : body);
  const wait = Number(response.headers.get("retry-after")) || 0;
  return told(typeof detail === "string" ? { message: detail } : detail, response.status, wait);
}

/** @param {Partial<Facts>} facts also those that an older page has kept @returns {string} */
export function sentenceOf(facts) {
  const own = KINDS[facts.kind]?.() ?? CODES[facts.code]?.(facts);
  if (own) return own;
  if (facts.message) return passedOn(facts);
  const { status, wait } = facts;
  if (!status) return tr("The server reported an error without a reason.", "服务器报错，但没有说明原因。");
  const said = STATUSES[status]?.() ?? tr(`The server answered with status ${status}.`, `服务器返回状态 ${status}。`);
  return said + again(wait);
}

const again = (wait) => (wait > 1 ? tr(` Try again in ${wait} s.`, `请在 ${wait} 秒后重试。`) : "");

const KINDS = {
  unreachable: () => tr("The server cannot be reached. Is it running?", "无法连接服务器。它在运行吗？"),
  lost: () => tr("The connection was lost. What had arrived is kept.", "连接中断，已收到的内容已保留。"),
};

const CODES = {
  context_length_exceeded: tooLong,
  missing_api_key: () => STATUSES[401](),
  invalid_api_key: () => tr("The server does not know this API key.", "服务器不认识此 API 密钥。"),
  queue_full: ({ wait }) => tr("The server is busy with other requests.", "服务器正忙于处理其他请求。") + again(wait),
  rate_limit_exceeded: ({ wait }) =>
    tr("This minute's limit of requests or tokens is used up.", "这一分钟的请求数或 token 数已达上限。") + again(wait),
  request_too_large: () => STATUSES[413](),
  request_too_complex: () => STATUSES[413](),
  request_timeout: () =>
    tr("The message did not reach the server in time: the network is slow.", "网络太慢，消息未能及时送达服务器。"),
  headers_too_large: () =>
    tr(
      "The request's headers are too long for the server. Is the API key right?",
      "请求头太长，服务器无法接收。API 密钥对吗？",
    ),
  loading: () => tr("The model is being loaded.", "模型正在加载。"),
  restarting: () => tr("The engine is being started again.", "引擎正在重新启动。"),
  draining: () => tr("The server is shutting down.", "服务器正在关闭。"),
  origin_not_allowed: () =>
    tr("The server takes no requests from this page's address.", "服务器不接受来自此页面地址的请求。"),
  host_not_allowed: () =>
    tr("The server does not answer under this page's host name.", "服务器不以此页面的主机名提供服务。"),
};

const STATUSES = {
  401: () => tr("The server wants an API key.", "服务器需要 API 密钥。"),
  413: () => tr("The message is too long for the server.", "消息太长，服务器无法接收。"),
  429: () => tr("The server is busy.", "服务器繁忙。"),
  502: () => tr("The server behind the proxy cannot be reached.", "代理后面的服务器无法连接。"),
  503: () => tr("The server is not ready yet.", "服务器尚未就绪。"),
  504: () => tr("The server behind the proxy took too long.", "代理后面的服务器响应超时。"),
};

/** With both figures where the server's words have them: "maximum context length is 4096 tokens … the prompt has more than 5000". */
function tooLong({ message = "" }) {
  const limit = /(?:maximum )?context length (?:is|of) (?:only )?([\d,]+)/i.exec(message)?.[1];
  const [, more, prompt] =
    /(?:prompt has|requested|contains at least|resulted in) (more than )?([\d,]+)/i.exec(message) ?? [];
  const what = tr("Shorten the message, or begin a new chat.", "请缩短消息，或开始新对话。");
  if (!limit || !prompt)
    return `${tr("The conversation is longer than the model's context.", "对话超出了模型的上下文长度。")}${tr(" ", "")}${what}`;
  const [has, holds] = [prompt, limit].map((figure) => count(Number(figure.replaceAll(",", ""))));
  return tr(
    `The conversation has ${more ? "more than " : ""}${has} tokens; the model's context holds ${holds}. ${what}`,
    `这段对话${more ? "超过" : "有"} ${has} 个 token，而模型的上下文只能容纳 ${holds} 个。${what}`,
  );
}

/** The server's words; where they are not in the reader's language, it is said whose they are. */
function passedOn({ message, status }) {
  const isChinese = /\p{Script=Han}/u.test(message);
  if (isChinese === (language() === "zh")) return message;
  const number = status ? tr(` (${status})`, `（${status}）`) : "";
  return tr(`The server refused the request${number}: ${message}`, `服务器拒绝了请求${number}：${message}`);
}
