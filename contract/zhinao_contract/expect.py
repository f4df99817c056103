"""The sentences of failed checks: what was expected and what was seen, in both languages."""

import json

from zhinao.lang import tr
from zhinao_contract.contract import Failure, Skip


def fail(english: str, chinese: str):
    raise Failure(tr(english, chinese))


def skip(english: str, chinese: str):
    raise Skip(tr(english, chinese))


def expect(is_good, english: str, chinese: str) -> None:
    if not is_good:
        fail(english, chinese)


def short(value, limit: int = 160) -> str:
    """A value as one line of JSON, cut in the middle where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text.encode("utf-8", "replace").decode()
    text = json.dumps(text, ensure_ascii=False) if isinstance(value, str) else text
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 2 :]}"


def equal(what: str, seen, wanted) -> None:
    expect(
        seen == wanted and isinstance(seen, bool) == isinstance(wanted, bool),
        f"{what} is {short(seen)}; expected {short(wanted)}.",
        f"{what} 为 {short(seen)}，应为 {short(wanted)}。",
    )


def one_of(what: str, seen, wanted) -> None:
    expect(
        seen in wanted,
        f"{what} is {short(seen)}; expected one of {short(list(wanted))}.",
        f"{what} 为 {short(seen)}，应为 {short(list(wanted))} 之一。",
    )


def kind(what: str, seen, *kinds: type) -> None:
    """`seen` is of one of these types; a bool is no number."""
    is_good = isinstance(seen, kinds) and (not isinstance(seen, bool) or bool in kinds)
    names = "/".join(k.__name__ for k in kinds)
    expect(is_good, f"{what} is {short(seen)}; expected {names}.", f"{what} 为 {short(seen)}，类型应为 {names}。")


def text(what: str, seen) -> None:
    """`seen` is a string that is not empty."""
    kind(what, seen, str)
    expect(seen, f"{what} is an empty string.", f"{what} 是空字符串。")


def at_most(what: str, seen, limit) -> None:
    expect(seen <= limit, f"{what} is {seen}; expected at most {limit}.", f"{what} 为 {seen}，应不超过 {limit}。")


def at_least(what: str, seen, limit) -> None:
    expect(seen >= limit, f"{what} is {seen}; expected at least {limit}.", f"{what} 为 {seen}，应不少于 {limit}。")


def error_shape(reply) -> dict:
    """The `error` object of a refusal in OpenAI's shape."""
    body = reply.json()
    expect(
        isinstance(body, dict) and isinstance(body.get("error"), dict),
        f"the body of status {reply.status} has no `error` object: {short(body)}",
        f"状态 {reply.status} 的响应体没有 `error` 对象：{short(body)}",
    )
    error = body["error"]
    text("error.message", error.get("message"))
    text("error.type", error.get("type"))
    missing = [key for key in ("param", "code") if key not in error]
    expect(not missing, f"error has no {', '.join(missing)}: {short(error)}", f"error 缺少 {missing}：{short(error)}")
    return error


def refused(reply, *statuses: int, naming: tuple[str, ...] = ()) -> dict:
    """The request was refused with one of `statuses`, in OpenAI's shape, in words that name one of `naming`. Returns the error."""
    expect(
        reply.status in statuses,
        f"status is {reply.status}; expected {' or '.join(map(str, statuses))}. The body: {short(reply.text())}",
        f"状态为 {reply.status}，应为 {' 或 '.join(map(str, statuses))}。响应体：{short(reply.text())}",
    )
    error = error_shape(reply)
    words = f"{error['message']} {error.get('param')}".lower()
    expect(
        not naming or any(word.lower() in words for word in naming),
        f"the error does not name {' or '.join(naming)}: {short(error)}",
        f"错误信息没有指出 {' 或 '.join(naming)}：{short(error)}",
    )
    return error


def not_crashed(reply) -> None:
    """Accepted or refused, but no status of the server's own failing."""
    expect(
        reply.status < 500,
        f"status is {reply.status}: {short(reply.text())}",
        f"状态为 {reply.status}：{short(reply.text())}",
    )


def starts(what: str, seen: str, whole: str) -> None:
    expect(
        whole.startswith(seen),
        f"{what} is {short(seen)}; expected a beginning of {short(whole)}.",
        f"{what} 为 {short(seen)}，应为 {short(whole)} 的开头。",
    )
