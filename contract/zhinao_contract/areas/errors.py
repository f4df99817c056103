"""Requests that cannot be meant: the right status, OpenAI's shape, words that name the field, and a server that lives on."""

import json

from zhinao_contract.abilities import num_context_tokens
from zhinao_contract.contract import check
from zhinao_contract.expect import equal, error_shape, expect, fail, kind, one_of, refused, short, skip
from zhinao_contract.server import CHAT, COMPLETIONS, Server, numbers
from zhinao_contract.wire import Reply

BAD = (400, 422)


def _wrong(server: Server, field: str, value) -> None:
    """This value of this field is refused by the field's name."""
    refused(server.post(CHAT, {**server.chat_body(), field: value}), *BAD, naming=(field,))


@check("errors.malformed", "M", "a body that is not JSON is a 400")
def malformed(server: Server):
    refused(server.post(CHAT, b'{"model": "x", "messages": ['), *BAD)


@check("errors.not-object", "M", "a body that is JSON but no object is a 400")
def not_object(server: Server):
    for body in (b"[]", b'"hi"', b"null", b"5"):
        refused(server.post(CHAT, body), *BAD)


@check("errors.empty-body", "M", "an empty body is a 400")
def empty_body(server: Server):
    refused(server.post(CHAT, b""), *BAD)


@check("errors.not-utf8", "S", "a body that is not UTF-8 is a 400")
def not_utf8(server: Server):
    body = json.dumps(server.chat_body("@@")).encode().replace(b"@@", b"\xff\xfe\xc3")
    refused(server.post(CHAT, body), *BAD)


@check(
    "errors.deep",
    "S",
    "JSON nested 100,000 deep is a 400 and breaks nothing",
)
def deep(server: Server):
    refused(server.post(CHAT, b'{"model": ' + b"[" * 100_000), *BAD, 413)
    refused(server.post(CHAT, b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), *BAD, 413)
    one_of("finish_reason afterwards", server.chat().finish(), ("stop", "length"))


@check("errors.missing-messages", "M", "no messages is a 400 that names them")
def missing_messages(server: Server):
    refused(server.post(CHAT, {"model": server.model}), *BAD, naming=("messages",))


@check("errors.empty-messages", "M", "an empty list of messages is a 400")
def empty_messages(server: Server):
    refused(server.try_chat([]), *BAD)


@check(
    "errors.wrong-messages",
    "M",
    "messages of a wrong type are a 400 that names them",
)
def wrong_messages(server: Server):
    for value in ({"role": "user"}, 5, ["hi"]):
        _wrong(server, "messages", value)


@check("errors.unknown-role", "M", "an unknown role is a 400 that names it")
def unknown_role(server: Server):
    refused(server.try_chat([{"role": "wizard", "content": "hi"}]), *BAD, naming=("role", "wizard"))


@check("errors.missing-role", "M", "a message without a role is a 400 that says so")
def missing_role(server: Server):
    refused(server.try_chat([{"content": "hi"}]), *BAD, naming=("role",))


@check("errors.wrong-content", "M", "content that is a number is a 400")
def wrong_content(server: Server):
    refused(server.try_chat([{"role": "user", "content": 5}]), *BAD, naming=("content", "messages"))


@check(
    "errors.wrong-temperature",
    "M",
    "a temperature that is text is a 400 that names it",
)
def wrong_temperature(server: Server):
    _wrong(server, "temperature", "hot")


@check("errors.wrong-max-tokens", "M", "max_tokens that is text is a 400 that names it")
def wrong_max_tokens(server: Server):
    _wrong(server, "max_tokens", "many")


@check("errors.wrong-stop", "S", "a stop that is a number is a 400 that names it")
def wrong_stop(server: Server):
    _wrong(server, "stop", 5)


@check("errors.wrong-stream", "S", "a stream that is an object is a 400 that names it")
def wrong_stream(server: Server):
    _wrong(server, "stream", {"on": True})


@check("errors.wrong-n", "S", "an n that is a list is a 400 that names it")
def wrong_n(server: Server):
    _wrong(server, "n", [1])


@check("errors.wrong-tools", "S", "tools of a wrong type are a 400 that names them")
def wrong_tools(server: Server):
    _wrong(server, "tools", "hammer")


@check("errors.not-a-number", "S", "NaN and Infinity crash nothing and are refused")
def not_a_number(server: Server):
    for word in (b"NaN", b"Infinity", b"1e999"):
        body = json.dumps(server.chat_body(temperature=0.123)).encode().replace(b"0.123", word)
        refused(server.post(CHAT, body), *BAD)


def _too_long(server: Server) -> tuple[int, Reply]:
    context = num_context_tokens(server)
    if not context:
        skip("the server does not tell its context length", "服务器没有给出上下文长度")
    if context > 200_000:
        skip(f"the context of {context} tokens is too long to fill", f"上下文 {context} 个 token，过长而不便填满")
    return context, server.try_chat("fox " * (context + 200))


@check(
    "errors.context",
    "M",
    "a prompt over the context is a 400 with both numbers",
)
def context(server: Server):
    context, reply = _too_long(server)
    seen = numbers(refused(reply, 400)["message"])
    expect(
        context in seen, f"{context} is not named: {short(reply.text())}", f"没有指出 {context}：{short(reply.text())}"
    )
    expect(
        any(n > context for n in seen),
        f"the prompt's length is not named: {short(reply.text())}",
        f"没有指出提示长度：{short(reply.text())}",
    )


@check("errors.context-code", "S", "its code is context_length_exceeded")
def context_code(server: Server):
    equal("error.code", error_shape(_too_long(server)[1]).get("code"), "context_length_exceeded")


@check("errors.context-stream", "M", "so is a streamed one, before the stream begins")
def context_stream(server: Server):
    context, _ = _too_long(server)
    refused(server.post(CHAT, server.chat_body("fox " * (context + 200), stream=True)), 400)


@check("errors.context-completions", "M", "so is one of completions")
def context_completions(server: Server):
    server.needs(COMPLETIONS)
    context, _ = _too_long(server)
    refused(server.try_completion("fox " * (context + 200)), 400)


@check("errors.unknown-route", "M", "an unknown route is a 404")
def unknown_route(server: Server):
    equal("status", server.get("/v1/there-is-no-such-route").status, 404)


@check("errors.unknown-route-shape", "S", "in OpenAI's shape")
def unknown_route_shape(server: Server):
    refused(server.get("/v1/there-is-no-such-route"), 404)


@check("errors.method", "M", "GET where POST is meant is a 405")
def method(server: Server):
    equal("status", server.get(CHAT).status, 405)


@check(
    "errors.method-allow",
    "S",
    "whose Allow header names POST, in OpenAI's shape",
)
def method_allow(server: Server):
    reply = server.get(CHAT)
    expect(
        "POST" in reply.headers.get("allow", ""),
        f"allow is {reply.headers.get('allow')!r}",
        f"allow 为 {reply.headers.get('allow')!r}",
    )
    refused(reply, 405)


@check(
    "errors.big-body",
    "S",
    "a body announced with 10 GB is a 413 before it is sent",
)
def big_body(server: Server):
    with server.within(min(10, server.timeout)).link() as link:
        headers = server.headers(**{"Content-Length": str(10**10)})
        link.send("POST", CHAT, b'{"model": "', headers)
        refused(link.read("POST"), 413)


@check(
    "errors.big-chunked",
    "S",
    "so is a body in chunks of unknown length, after 64 MB at most",
)
def big_chunked(server: Server):
    block = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    with server.within(min(30, server.timeout)).link() as link:
        link.send("POST", CHAT, b"", server.headers(**{"Transfer-Encoding": "chunked"}))
        try:
            for _ in range(64):
                link.send_raw(block)
            link.send_raw(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused in the middle: the answer may still be there to be read
        try:
            reply = link.read("POST")
        except ConnectionResetError:
            skip("the server closed the connection before its answer could be read", "服务器在响应可读之前关闭了连接")
        refused(reply, 413)


@check(
    "errors.content-type",
    "S",
    "a body said to be text/plain is a 400 or 415",
)
def content_type(server: Server):
    body = json.dumps(server.chat_body()).encode()
    reply = server.request("POST", CHAT, body, server.headers(**{"Content-Type": "text/plain"}))
    refused(reply, 400, 415, 422)


@check("errors.unknown-field", "M", "an unknown field is ignored")
def unknown_field(server: Server):
    one_of("finish_reason", server.chat(there_is_no_such_field=1).finish(), ("stop", "length"))


@check("errors.unknown-field-named", "C", "and named in the header X-Zhinao-Ignored")
def unknown_field_named(server: Server):
    seen = server.chat(there_is_no_such_field=1).headers.get("x-zhinao-ignored", "")
    expect("there_is_no_such_field" in seen, f"the header is {seen!r}", f"该头为 {seen!r}")


@check("errors.no-inside", "M", "no error shows the program's inside")
def no_inside(server: Server):
    bodies = (b"{", b"[]", b'{"model": 5}', json.dumps({**server.chat_body(), "messages": [{"role": []}]}).encode())
    for body in bodies:
        said = server.post(CHAT, body).text()
        for sign in ("Traceback", 'File "/', "site-packages"):
            if sign in said:
                fail(f"an error shows {sign!r}: {short(said)}", f"错误中出现 {sign!r}：{short(said)}")


@check("errors.type", "S", "`type` says what kind of error it is")
def error_type(server: Server):
    seen = refused(server.try_chat([]), *BAD)
    kind("error.type", seen["type"], str)
    expect("error" in seen["type"].lower(), f"error.type is {seen['type']!r}", f"error.type 为 {seen['type']!r}")


@check("errors.param", "S", "`param` names the field")
def param(server: Server):
    seen = refused(server.post(CHAT, {**server.chat_body(), "temperature": "hot"}), *BAD)
    equal("error.param", seen["param"], "temperature")


@check("errors.alive", "M", "after all that the server answers")
def alive(server: Server):
    one_of("finish_reason", server.chat().finish(), ("stop", "length"))
