"""All of them together, in their order."""

import asyncio

import pytest

from tests.serve.toy import call, toy
from zhinao.errors import UsageError
from zhinao.serve.gate.auth import Keys
from zhinao.serve.gate.limits import RateLimits
from zhinao.serve.gate.metrics import Metrics
from zhinao.serve.gate.middleware import wrap
from zhinao.serve.gate.proxy import behind, check_proxies, is_one_of
from zhinao.serve.settings import ServeSettings

PAGE = "https://chat.example.com"
KEY = {"Authorization": "Bearer sk-a"}


def whole(limits=None, **settings):
    return wrap(toy(), ServeSettings(**settings), Keys([("alice", "sk-a")]), limits or RateLimits(), Metrics("7b"))


def test_a_refusal_can_be_read_by_an_allowed_page_and_has_an_id():
    reply = call(whole(cors_origin=(PAGE,)), "POST", headers={"Origin": PAGE})
    assert reply.status_code == 401
    assert reply.headers["access-control-allow-origin"] == PAGE and reply.headers["X-Request-Id"]


def test_a_preflight_needs_no_key():
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    assert call(whole(cors_origin=(PAGE,)), "OPTIONS", headers=headers).status_code == 200


def test_limits_are_those_of_the_key_and_strangers_use_up_nothing():
    app = whole(RateLimits(1))
    for _ in range(3):
        assert call(app, "POST").status_code == 401
    assert call(app, "POST", headers=KEY).status_code == 200
    assert call(app, "POST", headers=KEY).status_code == 429


def test_a_stranger_s_large_body_is_not_read():
    assert call(whole(max_body_mb=0.001), "POST", content=b"x" * 2000).status_code == 401
    assert call(whole(max_body_mb=0.001), "POST", content=b"x" * 2000, headers=KEY).status_code == 413


def test_only_a_local_server_looks_at_the_host():
    assert call(whole(), headers={"Host": "evil.example", **KEY}).status_code == 403
    assert call(whole(host="0.0.0.0"), headers={"Host": "gpu7.example.com", **KEY}).status_code == 200


def test_every_answer_is_what_it_says_and_is_kept_by_nobody():
    app = whole()
    for reply in (
        call(app),  # 401
        call(app, headers=KEY),
        call(app, "POST", headers={**KEY, "Origin": "https://evil.example"}),
        call(app, headers={"Host": "evil.example"}),
        call(app, path="/v1/stream", headers=KEY),
        call(app, path="/v1/broken", headers=KEY),
        call(app, path="/nothing", headers=KEY),
        call(app, path="/health"),
    ):
        assert reply.headers.get_list("x-content-type-options") == ["nosniff"], reply
        assert reply.headers.get_list("cache-control") == ["no-store"], reply


def test_a_stream_s_own_headers_are_not_doubled():
    async def stream(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", b"no-cache")]})
        await send({"type": "http.response.body", "body": b""})

    reply = call(wrap(stream, ServeSettings(), Keys(), RateLimits(), Metrics("7b")))
    assert reply.headers.get_list("cache-control") == ["no-cache"] and reply.headers["x-content-type-options"]


def test_the_address_that_limits_hold_for_is_the_connection_s():
    app = wrap(toy(), ServeSettings(), Keys(), RateLimits(1), Metrics("7b"))
    assert call(app, "POST", headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 200
    assert call(app, "POST", headers={"X-Forwarded-For": "203.0.113.2"}).status_code == 429


def test_a_named_proxy_is_believed():
    app = wrap(toy(), ServeSettings(proxy=("192.0.2.0/24",)), Keys(), RateLimits(1), Metrics("7b"))
    assert call(app, "POST", headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 200
    assert call(app, "POST", headers={"X-Forwarded-For": "203.0.113.2"}).status_code == 200
    spoofed = {"X-Forwarded-For": "198.51.100.7, 203.0.113.2"}  # the client's own word comes first
    assert call(app, "POST", headers=spoofed).status_code == 429


def test_wrapped_addresses_of_ipv4_are_each_a_client():
    app = wrap(toy(), ServeSettings(proxy=("192.0.2.7", "10.0.0.0/8")), Keys(), RateLimits(1), Metrics("7b"))
    for n in range(3):
        assert call(app, "POST", headers={"X-Forwarded-For": f"::ffff:5.1.1.{n}"}).status_code == 200
    again = {"X-Forwarded-For": "203.0.113.1, 5.1.1.0, ::ffff:10.0.0.1"}  # the other spelling, and of a proxy as well
    assert call(app, "POST", headers=again).status_code == 429


@pytest.mark.parametrize("proxy", ["10.0.0.1", "10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1"])
@pytest.mark.parametrize("host", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_a_proxy_is_known_by_either_spelling(proxy, host):
    """A server on `::` sees IPv4 wrapped."""
    assert is_one_of(host, (proxy,)) and not is_one_of("::ffff:11.0.0.1", (proxy,))
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["client"][0])

    scope = {"type": "http", "client": (host, 1), "headers": [(b"x-forwarded-for", b"5.6.7.8")]}
    asyncio.run(behind(app, (proxy,))(scope, None, None))
    assert seen == ["5.6.7.8"]


def test_a_proxy_that_is_no_address():
    check_proxies(("127.0.0.1", "::1", "10.0.0.0/8"))
    for wrong in ("proxy.example", "*", "10.0.0.1/8", ""):
        with pytest.raises(UsageError, match="--proxy"):
            check_proxies((wrong,))
