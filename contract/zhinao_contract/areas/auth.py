"""Keys. Checked where `--api-key` was given, and the server asks for it."""

from zhinao_contract.contract import check
from zhinao_contract.expect import equal, expect, refused, skip
from zhinao_contract.server import CHAT, Server

PLAIN = {"Content-Type": "application/json"}


def _need_key(server: Server) -> None:
    if not server.key:
        skip("no --api-key was given", "没有给出 --api-key")


def _with(server: Server, key: str | None, method: str = "POST", path: str = CHAT):
    headers = {**PLAIN, **({"Authorization": key} if key else {})}
    body = {"model": server.model, "messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 1}
    return server.request(method, path, body if method == "POST" else None, headers)


@check("auth.missing", "M", "no key is a 401")
def missing(server: Server):
    _need_key(server)
    refused(_with(server, None), 401)


@check("auth.wrong", "M", "a wrong key is a 401, and so is half of the right one")
def wrong(server: Server):
    _need_key(server)
    for key in (
        "Bearer wrong",
        f"Bearer {server.key[:-1]}",
        f"Bearer {server.key}x",
        server.key,
        "Bearer ",
        "Basic eA==",
    ):
        refused(_with(server, key), 401)


@check("auth.not-shown", "M", "a refusal shows no key")
def not_shown(server: Server):
    _need_key(server)
    said = _with(server, "Bearer sk-something-secret").text()
    expect(
        server.key not in said and "sk-something-secret" not in said, "the key stands in the answer", "响应中出现了密钥"
    )


@check("auth.odd-bytes", "S", "a key that is not ASCII is a 401, not a crash")
def odd_bytes(server: Server):
    _need_key(server)
    refused(_with(server, "Bearer é密钥"), 401)


@check("auth.scheme", "C", "the scheme may be written `bearer`")
def scheme(server: Server):
    _need_key(server)
    equal("status", _with(server, f"bearer {server.key}").status, 200)


@check("auth.models", "S", "the list of models wants the key too")
def models(server: Server):
    _need_key(server)
    equal("status", _with(server, None, "GET", "/v1/models").status, 401)


@check("auth.others", "S", "and every other route that tells something")
def others(server: Server):
    _need_key(server)
    for method, path in (
        ("GET", "/metrics"),
        ("POST", "/tokenize"),
        ("POST", "/detokenize"),
        ("POST", f"{CHAT}/render"),
    ):
        status = _with(server, None, method, path).status
        expect(status in (401, 404, 405), f"{path} without a key is {status}", f"{path} 无密钥返回 {status}")


@check("auth.health", "S", "/health is open to all")
def health(server: Server):
    _need_key(server)
    equal("status", _with(server, None, "GET", "/health").status, 200)


@check("auth.challenge", "C", "a 401 says in WWW-Authenticate what is wanted")
def challenge(server: Server):
    _need_key(server)
    seen = _with(server, None).headers.get("www-authenticate", "")
    expect(seen.lower().startswith("bearer"), f"www-authenticate is {seen!r}", f"www-authenticate 为 {seen!r}")
