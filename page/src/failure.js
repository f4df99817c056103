// What went wrong between this page and the server, as a sentence. Shows nothing by itself.
import { tr } from "./lang.js";

/** `kind`: `refused` (the server said no), `unreachable` (nothing was sent), `lost` (the answer broke off). */
export class Failure extends Error {
  constructor(kind, message, { status = 0, code = null, param = null } = {}) {
    super(message);
    Object.assign(this, { kind, status, code, param });
  }

  get needsKey() {
    return this.status === 401;
  }
}

export function unreachable() {
  return new Failure("unreachable", tr("The server cannot be reached. Is it running?", "无法连接服务器。它在运行吗？"));
}

export function lost() {
  return new Failure(
    "lost",
    tr("The connection was lost. What had arrived is kept.", "连接中断，已收到的内容已保留。"),
  );
}

/** @param {{message?: string, code?: unknown, param?: string}} error of a stream, in OpenAI's shape */
export function told(error, status = 0) {
  const message =
    error?.message || tr("The server reported an error without a reason.", "服务器报错，但没有说明原因。");
  return new Failure("refused", String(message), { status, code: error?.code ?? null, param: error?.param ?? null });
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
  if (detail?.message) return told(detail, response.status);
  const { status } = response;
  const message =
    SENTENCES[status]?.() ?? tr(`The server answered with status ${status}.`, `服务器返回状态 ${status}。`);
  const wait = Number(response.headers.get("retry-after"));
  return new Failure(
    "refused",
    wait ? `${message} ${tr(`Try again in ${wait} s.`, `请在 ${wait} 秒后重试。`)}` : message,
    {
      status,
    },
  );
}

const SENTENCES = {
  401: () => tr("The server wants an API key.", "服务器需要 API 密钥。"),
  413: () => tr("The message is too long for the server.", "消息太长，服务器无法接收。"),
  429: () => tr("The server is busy.", "服务器繁忙。"),
  502: () => tr("The server behind the proxy cannot be reached.", "代理后面的服务器无法连接。"),
  503: () => tr("The server is not ready yet.", "服务器尚未就绪。"),
  504: () => tr("The server behind the proxy took too long.", "代理后面的服务器响应超时。"),
};
