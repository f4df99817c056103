import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serve.toy import call, toy
from zhinao.serve.errors import ApiError
from zhinao.serve.gate.limits import RateLimits, RateMiddleware, _duration, client_of


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def refusal(limits, client="a") -> ApiError:
    with pytest.raises(ApiError) as caught:
        limits.admit(client)
    return caught.value


def test_a_burst_then_what_flows_in(clock):
    limits = RateLimits(6, clock=clock)
    for _ in range(6):
        limits.admit("a")
    error = refusal(limits)
    assert error.status == 429 and error.code == "rate_limit_exceeded" and error.headers["Retry-After"] == "10"
    assert "6 requests a minute" in error.message
    clock.now += 9.9
    refusal(limits)
    clock.now += 0.1
    limits.admit("a")
    refusal(limits)


def test_clients_do_not_share(clock):
    limits = RateLimits(1, clock=clock)
    limits.admit("a")
    refusal(limits, "a")
    limits.admit("b")


def test_tokens_may_be_overdrawn_and_are_paid_back(clock):
    limits = RateLimits(None, 600, clock=clock)
    limits.admit("a")
    limits.spend("a", 1000)
    error = refusal(limits)
    assert (
        error.headers["Retry-After"] == "41" and "600 tokens" in error.message
    )  # 400 owed and 1 to go on, at 10 a second
    clock.now += 41
    limits.admit("a")


@given(
    st.integers(1, 500), st.integers(1, 5000), st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 90)), max_size=20)
)
def test_retry_after_is_true(requests, tokens, steps):
    """Whoever comes back when told is admitted, and who comes two seconds earlier is not."""
    clock = Clock()
    limits = RateLimits(requests, tokens, clock=clock)
    for spent, pause in steps:
        clock.now += pause
        try:
            limits.admit("a")
            limits.spend("a", spent)
        except ApiError as error:
            seconds = int(error.headers["Retry-After"])
            assert seconds >= 1
            start = clock.now
            clock.now = start + max(seconds - 2, 0)
            if seconds > 2 and "requests" in error.message:
                refusal(limits)
            for _ in range(2):  # the other limit may hold as well
                clock.now = start + seconds + 1e-6
                try:
                    limits.admit("a")
                    break
                except ApiError as other:
                    seconds += int(other.headers["Retry-After"])
            else:
                raise AssertionError("Retry-After was not true")


def test_headers_are_those_of_openai(clock):
    limits = RateLimits(60, 6000, clock=clock)
    limits.admit("a")
    limits.spend("a", 700)
    assert limits.headers("a") == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "5300",
        "x-ratelimit-reset-tokens": "7s",
    }
    assert [_duration(s) for s in (0, 0.0201, 1.23, 59.97, 360)] == ["0ms", "21ms", "1.3s", "1m0s", "6m0s"]


def test_full_buckets_are_forgotten(clock):
    limits = RateLimits(60, clock=clock)
    for n in range(1000):
        limits.admit(str(n))
    clock.now += 61
    limits.admit("x")
    assert len(limits._buckets) == 1


@pytest.mark.parametrize(
    "scope, name",
    [
        ({"state": {"key": "alice"}, "client": ("1.2.3.4", 1)}, "alice"),
        ({"client": ("1.2.3.4", 1)}, "1.2.3.4"),
        ({"client": ("2001:db8::1:2:3:4", 1)}, "2001:db8::/64"),
        ({"client": ("::ffff:5.1.1.0", 1)}, "5.1.1.0"),
        ({"client": None}, "local"),
    ],
)
def test_who_a_client_is(scope, name):
    assert client_of(scope) == name


def test_the_middleware_counts_posts_only():
    app = RateMiddleware(toy(), RateLimits(2, 100))
    assert [call(app, "GET").status_code for _ in range(5)] == [200] * 5
    first, second, third = (call(app, "POST") for _ in range(3))
    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 429)
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert third.json()["error"]["type"] == "rate_limit_error" and third.headers["Retry-After"] == "30"
    assert third.headers["x-ratelimit-remaining-requests"] == "0"
    assert call(app, "POST", "/v1/chat/completions/x/answer_now").status_code == 200


def test_without_limits_nothing_is_added():
    reply = call(RateMiddleware(toy(), RateLimits()), "POST")
    assert reply.status_code == 200 and not any(name.startswith("x-ratelimit") for name in reply.headers)


def test_each_answer_of_a_request_counts(clock):
    limits = RateLimits(60, clock=clock)
    limits.admit("a")
    limits.charge("a", 60)
    assert limits.headers("a")["x-ratelimit-remaining-requests"] == "0"
    assert refusal(limits).headers["Retry-After"] == "1"
    clock.now += 1
    limits.admit("a")
    limits.charge("a", 10)
    assert refusal(limits).headers["Retry-After"] == "10", "paid back first"
    with pytest.raises(ApiError) as caught:
        limits.charge("b", 61)
    assert caught.value.status == 400 and caught.value.param == "n"
    RateLimits(None, 5).charge("a", 256)
