"""What those who run the server look at: health, version, metrics, documentation; and who may ask from a browser."""

import re
import time

from zhinao_contract.abilities import num_running, wait_until_idle
from zhinao_contract.contract import check
from zhinao_contract.expect import at_least, equal, expect, kind, skip, text
from zhinao_contract.server import CHAT, Server

ORIGIN = "https://elsewhere.example"


@check("operations.health", "M", "`GET /health` is 200")
def health(server: Server):
    equal("status", server.get("/health").status, 200)


@check("operations.version", "S", "`GET /version` tells a version")
def version(server: Server):
    reply = server.get("/version")
    equal("status", reply.status, 200)
    text("version", reply.json().get("version"))


@check("operations.metrics", "S", "`GET /metrics` is Prometheus text")
def metrics(server: Server):
    reply = server.get("/metrics")
    equal("status", reply.status, 200)
    lines = [line for line in reply.text().splitlines() if line and not line.startswith("#")]
    at_least("the number of values", len(lines), 5)
    for line in lines:
        expect(re.fullmatch(r"[a-zA-Z_:][\w:]*(\{.*\})? \S+( \d+)?", line), f"a line is {line!r}", f"某行为 {line!r}")


@check(
    "operations.metric-names",
    "S",
    "requests running and waiting, and tokens, are there under vLLM's names",
)
def metric_names(server: Server):
    said = server.get("/metrics").text()
    names = ("num_requests_running", "num_requests_waiting", "prompt_tokens_total", "generation_tokens_total")
    missing = [name for name in names if f"vllm:{name}" not in said]
    expect(not missing, f"missing: {missing}", f"缺少：{missing}")


@check("operations.metrics-count", "S", "generated tokens are counted")
def metrics_count(server: Server):
    def count() -> float:
        found = re.findall(
            r"^\S*(?:generation_tokens|tokens_predicted)_total(?:\{[^}]*\})?\s+(\S+)",
            server.get("/metrics").text(),
            re.M,
        )
        if not found:
            skip("/metrics has no count of generated tokens", "/metrics 没有生成 token 的计数")
        return sum(map(float, found))

    before = count()
    made = server.chat(max_tokens=8).usage["completion_tokens"]
    for _ in range(20):  # some servers publish once a second
        if count() - before >= made:
            return
        time.sleep(0.25)
    at_least("the growth", count() - before, made)


@check("operations.idle", "S", "an idle server has no running requests")
def idle(server: Server):
    if num_running(server) is None:
        skip("/metrics does not tell running requests", "/metrics 没有运行中的请求数")
    equal("running requests", wait_until_idle(server, 15), 0)


@check(
    "operations.props",
    "C",
    "`GET /props` tells model, context and default sampling",
)
def props(server: Server):
    reply = server.get("/props")
    equal("status", reply.status, 200)
    text("model", reply.json().get("model"))
    kind("num_context_tokens", reply.json().get("num_context_tokens"), int)
    kind("thinks", reply.json().get("thinks"), bool)
    kind("defaults", reply.json().get("defaults"), dict)


@check("operations.openapi", "C", "`GET /openapi.json` describes the chat route")
def openapi(server: Server):
    reply = server.get("/openapi.json")
    equal("status", reply.status, 200)
    expect(CHAT in reply.json().get("paths", {}), f"{CHAT} is not described", f"没有描述 {CHAT}")


@check("operations.docs", "C", "`GET /docs` loads nothing from other hosts")
def docs(server: Server):
    reply = server.get("/docs")
    equal("status", reply.status, 200)
    foreign = re.findall(r"""(?:src|href)=["'](https?:)?//[^"']+""", reply.text())
    expect(not foreign, f"{len(foreign)} links to other hosts", f"有 {len(foreign)} 个外部链接")


@check(
    "operations.page",
    "C",
    "a web page at `/` that loads nothing from other hosts",
)
def page(server: Server):
    reply = server.get("/", Accept="text/html")
    equal("status", reply.status, 200)
    expect("text/html" in reply.headers.get("content-type", ""), "it is no HTML", "不是 HTML")
    foreign = re.findall(r"""<(?:script|link|img)[^>]*(?:src|href)=["'](?:https?:)?//[^"']+""", reply.text())
    expect(not foreign, f"it loads {foreign}", f"加载了 {foreign}")


@check("cors.no-star", "S", "other origins get no leave by default")
def no_star(server: Server):
    reply = server.get("/v1/models", Origin=ORIGIN)
    seen = reply.headers.get("access-control-allow-origin")
    expect(
        seen not in ("*", ORIGIN),
        f"access-control-allow-origin is {seen!r}",
        f"access-control-allow-origin 为 {seen!r}",
    )


@check("cors.preflight", "S", "nor does a preflight")
def preflight(server: Server):
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    reply = server.request("OPTIONS", CHAT, headers=asked)
    seen = reply.headers.get("access-control-allow-origin")
    expect(reply.status < 500, f"status is {reply.status}", f"状态为 {reply.status}")
    expect(
        seen not in ("*", ORIGIN),
        f"access-control-allow-origin is {seen!r}",
        f"access-control-allow-origin 为 {seen!r}",
    )


@check("cors.no-credentials", "M", "never are all origins let in with credentials")
def no_credentials(server: Server):
    headers = server.get("/v1/models", Origin=ORIGIN).headers
    seen = headers.get("access-control-allow-origin")
    is_open = seen in ("*", ORIGIN) and headers.get("access-control-allow-credentials") == "true"
    expect(not is_open, f"{seen!r} with credentials", f"{seen!r} 且允许凭据")
