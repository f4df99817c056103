"""All of them together, in their order."""

from tests.serve.toy import call, toy
from zhinao.serve.auth import Keys
from zhinao.serve.limits import RateLimits
from zhinao.serve.metrics import Metrics
from zhinao.serve.middleware import wrap
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
