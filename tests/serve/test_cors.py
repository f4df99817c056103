import asyncio

import pytest

from tests.serve.toy import call, toy
from zhinao.errors import UsageError
from zhinao.serve.gate.cors import OriginGuard, check_origins, cors

PAGE = "https://chat.example.com"


def guarded(*origins, is_local=True, has_keys=False):
    return OriginGuard(cors(toy(), origins), origins, is_local, has_keys)


def post(app, **headers):
    return call(app, "POST", headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    "host",
    [
        *("localhost:8360", "127.0.0.1:8360", "[::1]:8360", "LOCALHOST", "127.0.0.1", "localhost:", "localhost.:80"),
        *("Localhost.", "127.0.0.2:8360", "127.255.255.254", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]:8360"),
        *("0.0.0.0:8360", "[::]:8360", ""),
    ],
)
def test_names_of_this_machine(host):
    assert call(guarded(), headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8360",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "[",
        ".",
        ":80",
        "evil.example.",
        "localhost..",
        "evil.com:1@127.0.0.1",
        "evil.com@localhost:8360",
        "127.0.0.1/evil.com",
        "127.0.0.1?evil.com",
        "127.0.0.1#evil.com",
        "127.0.0.1\\evil.com",
        "127.0.0.1:80:90",
        "127.0.0.1:x",
        "127.0.0.1, evil.com",
        " 127.0.0.1",
        "[::1]evil.com",
    ],
)
def test_a_name_that_points_here_by_rebinding(host):
    reply = call(guarded(), headers={"Host": host})
    assert reply.status_code == 403 and reply.json()["error"]["code"] == "host_not_allowed"


def test_every_host_of_a_request_counts():
    hosts = [("Host", "localhost"), ("Host", "evil.example")]
    assert call(guarded(), headers=hosts).status_code == 403


def test_a_request_without_host():
    """HTTP/1.0, load balancers' probes. No browser can be made to leave it out."""
    sent = []

    async def calling():
        async def receive():
            return {"type": "http.request"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/health", "headers": [], "query_string": b""}
        await guarded()(scope, receive, send)

    asyncio.run(calling())
    assert sent[0]["status"] == 200


def test_a_server_with_keys_has_any_name():
    assert call(guarded(is_local=False, has_keys=True), headers={"Host": "gpu7.example.com"}).status_code == 200


@pytest.mark.parametrize(
    "host", ["gpu7.example.com", "192.168.1.5.nip.io:8360", "a.internal.evil.com", "local", "", "[::1"]
)
def test_without_keys_no_name_that_a_stranger_could_own(host):
    is_taken = host in ("local", "")
    assert call(guarded(is_local=False), headers={"Host": host}).status_code == (200 if is_taken else 403)


@pytest.mark.parametrize(
    "host",
    [
        "192.168.1.5:8360",
        "[fd00::5]:8360",
        "[fe80::1%eth0]",
        "my_box",
        "gpu7",
        "gpu7:8360",
        "gpu7.local",
        "host.docker.internal",
        "localhost",
    ],
)
def test_without_keys_addresses_and_local_names(host):
    assert call(guarded(is_local=False), headers={"Host": host}).status_code == 200


def test_without_keys_a_named_host():
    app = guarded("https://chat.example.com", is_local=False)
    assert call(app, headers={"Host": "chat.example.com"}).status_code == 200


def test_behind_a_proxy_the_named_origin_is_a_name():
    assert call(guarded(PAGE), headers={"Host": "chat.example.com"}).status_code == 200


def test_programs_that_are_no_browsers_pass():
    assert post(guarded()).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8360"},
        {"Origin": "http://localhost:8360", "Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_our_own_page_passes(headers):
    assert post(guarded(), **headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000", "Sec_Fetch_Site": "same-site"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_other_pages_may_not_write(headers):
    reply = post(guarded(), **headers)
    assert reply.status_code == 403 and reply.json()["error"]["code"] == "origin_not_allowed"


def test_other_pages_may_not_read():
    reply = call(guarded(), headers={"Origin": "https://evil.example"})
    assert not any(name.startswith("access-control") for name in reply.headers)


def preflight(app, origin):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return call(app, "OPTIONS", headers={"Origin": origin, **asked})


def test_a_named_origin_may():
    app = guarded(PAGE)
    reply = preflight(app, PAGE)
    assert reply.status_code == 200 and reply.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in reply.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in reply.headers
    reply = post(app, Origin=PAGE, Sec_Fetch_Site="cross-site")
    assert reply.status_code == 200 and reply.headers["access-control-allow-origin"] == PAGE
    assert "X-Request-Id" in reply.headers["access-control-expose-headers"]
    assert preflight(app, "https://evil.example").status_code == 400
    assert post(app, Origin="https://evil.example").status_code == 403


def test_a_star_allows_all_without_cookies():
    reply = post(guarded("*"), Origin="https://any.example", Sec_Fetch_Site="cross-site")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize("origin", ["https://chat.example.com/", "chat.example.com", "https://", "", "https://a.b/c"])
def test_what_no_browser_sends_is_refused_at_the_start(origin):
    with pytest.raises(UsageError, match="not an origin"):
        check_origins((origin,))


def test_origins():
    check_origins(("*", PAGE, "http://localhost:3000", "http://[::1]:3000"))
