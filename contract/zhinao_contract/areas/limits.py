"""A server that has had enough says 429 (or 503) and when to come again. Provoked only on request: `--provoke-429`."""

import threading

from zhinao_contract.contract import check
from zhinao_contract.expect import error_shape, expect, one_of, short, skip
from zhinao_contract.server import STORY, Server, together
from zhinao_contract.wire import Reply

MOST = 600


def _provoke(server: Server) -> Reply:
    """A refusal for load, provoked once for all checks. Raises Skip where none could be."""
    if not server.may_provoke_429:
        skip("--provoke-429 was not given", "没有给出 --provoke-429")
    return server.known("a refusal for load", lambda: _flood(server))


def _flood(server: Server) -> Reply:
    """Ask more and more at once until a request is refused."""
    found: list[Reply] = []
    stop = threading.Event()

    def ask() -> None:
        if stop.is_set():
            return
        reply = server.try_chat(STORY, max_tokens=24, ignore_eos=True)
        if reply.status in (429, 503):
            found.append(reply)
            stop.set()

    for num in (100, MOST):
        together([ask] * num)
        if found:
            return found[0]
    skip(f"{MOST} requests at once were all taken", f"同时 {MOST} 个请求都被接受")


@check(
    "limits.retry-after",
    "S",
    "a refusal for load says in Retry-After how many seconds to wait",
)
def retry_after(server: Server):
    seen = _provoke(server).headers.get("retry-after", "")
    expect(seen.isdigit() and int(seen) > 0, f"retry-after is {seen!r}", f"retry-after 为 {seen!r}")


@check("limits.shape", "S", "it has OpenAI's shape")
def shape(server: Server):
    reply = _provoke(server)
    one_of("status", reply.status, (429, 503))
    error = error_shape(reply)
    expect(len(error["message"]) > 10, f"the message is {short(error)}", f"信息为 {short(error)}")


@check("limits.after", "S", "afterwards the server answers again")
def after(server: Server):
    _provoke(server)
    one_of("finish_reason", server.chat().finish(), ("stop", "length"))
