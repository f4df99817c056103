import asyncio

import pytest

from tests.serve.toy import call, toy
from zhinao.errors import UsageError
from zhinao.serve.gate import auth
from zhinao.serve.gate.auth import KeyMiddleware, Keys, check_bind

KEYS = Keys([("alice", "sk-a1"), ("bob", "sk-b2")])


def ask(path="/v1/echo", method="GET", **headers):
    return call(KeyMiddleware(toy(), KEYS), method, path, headers=headers)


@pytest.mark.parametrize("path", ["/v1/echo", "/v1/models", "/metrics", "/props", "/nothing/here", "/health/"])
def test_every_other_route_wants_a_key(path):
    reply = ask(path)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert (
        reply.json()["error"]["code"] == "missing_api_key" and reply.json()["error"]["type"] == "authentication_error"
    )


@pytest.mark.parametrize("path", ["/health", "/", "/docs"])
def test_open_routes_are_open_for_reading_only(path):
    assert ask(path).status_code == 200
    assert ask(path, "POST").status_code == 401


@pytest.mark.parametrize("header", ["Bearer sk-b2", "bearer sk-b2", "Bearer   sk-b2 "])
def test_a_known_key_passes_and_its_name_is_told(header):
    assert ask(Authorization=header).json()["key"] == "bob"


@pytest.mark.parametrize(
    "header", ["Bearer sk-b", "Bearer sk-b22", "Basic sk-b2", "sk-b2", "Bearer", "Bearer ", "Bearer bob"]
)
def test_anything_else_does_not(header):
    assert ask(Authorization=header).status_code == 401


def test_bytes_that_are_no_text_are_a_wrong_key():
    assert ask(Authorization=b"Bearer \xff\xfe").status_code == 401


def test_every_key_is_compared_in_constant_time(monkeypatch):
    seen = []
    monkeypatch.setattr(auth.hmac, "compare_digest", lambda a, b: seen.append((len(a), len(b))))
    Keys([("a", "x"), ("b", "a much longer secret")]).name_of("x")
    assert seen == [(32, 32), (32, 32)]


def test_a_websocket_without_a_key_is_closed():
    sent = []

    async def run():
        async def send(message):
            sent.append(message)

        await KeyMiddleware(toy(), KEYS)({"type": "websocket", "path": "/", "headers": []}, None, send)

    asyncio.run(run())
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_keys_come_from_a_file_and_the_environment(tmp_path):
    file = tmp_path / "keys"
    file.write_text("# ours\nalice:sk-a:1\n\n sk-bare \n小明:sk-x\n", encoding="utf-8")
    file.chmod(0o600)
    keys = Keys.load(file, {"ZHINAO_API_KEY": "carol:sk-c, sk-d"})
    assert keys.names == ("alice", "key-2", "小明", "carol", "key-5")
    assert [keys.name_of(k) for k in ("sk-a:1", "sk-bare", "sk-x", "sk-c", "sk-d", "", "alice")] == [
        *keys.names,
        None,
        None,
    ]
    assert keys.warnings == ()


def test_a_file_that_others_can_read_is_told(tmp_path):
    file = tmp_path / "keys"
    file.write_text("a:b")
    file.chmod(0o644)
    assert "chmod 600" in Keys.load(file, {}).warnings[0]


@pytest.mark.parametrize(
    "text, place",
    [("a:b\nname:", ":2"), ("a:b\n:x", ":2"), ("a:b c", ":1"), ("a:b\na:c", ":2"), ("a:b\nc:b", ":2"), ("a:密", ":1")],
)
def test_a_bad_line_is_named(tmp_path, text, place):
    file = tmp_path / "keys"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"keys{place}: "):
        Keys.load(file, {})


def test_an_empty_or_absent_file_is_an_error(tmp_path):
    (tmp_path / "keys").write_text("# none\n")
    with pytest.raises(UsageError, match="no key"):
        Keys.load(tmp_path / "keys", {})
    with pytest.raises(UsageError, match="cannot be read"):
        Keys.load(tmp_path / "other", {})


def test_errors_show_no_secret(tmp_path):
    (tmp_path / "keys").write_text("a:top geheim\n")
    with pytest.raises(UsageError) as error:
        Keys.load(tmp_path / "keys", {})
    assert "geheim" not in str(error.value)


def test_without_arguments_keys_come_from_the_environment(monkeypatch):
    """As vLLM makes its middlewares."""
    monkeypatch.setenv("ZHINAO_API_KEY", "alice:sk-a1")
    assert call(KeyMiddleware(toy()), headers={"Authorization": "Bearer sk-a1"}).json()["key"] == "alice"
    monkeypatch.delenv("ZHINAO_API_KEY")
    with pytest.raises(UsageError):
        KeyMiddleware(toy())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_this_machine_alone_needs_no_key(host):
    check_bind(host, Keys(), False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.com", "localhost.example.com"])
def test_other_addresses_need_a_key_or_a_word(host):
    with pytest.raises(UsageError, match="--api-key-file"):
        check_bind(host, Keys(), False)
    check_bind(host, KEYS, False)
    check_bind(host, Keys(), True)
