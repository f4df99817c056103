"""How much one client may ask: requests and tokens a minute. Counts in memory; knows neither queues nor HTTP routes."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate import asgi
from zhinao.serve.gate.proxy import address_of

_SWEEP_SECONDS = 60.0


@dataclass
class Bucket:
    """Holds `capacity` at most, fills at `capacity` a minute; may be overdrawn, and is then closed until it is paid back."""

    capacity: float
    level: float
    time: float

    def refill(self, now: float) -> None:
        self.level = min(self.capacity, self.level + (now - self.time) * self.capacity / 60)
        self.time = now

    def seconds_until(self, level: float) -> float:
        return max(0.0, (level - self.level) * 60 / self.capacity)


class RateLimits:
    """Two token buckets a client: a burst of the whole minute's amount is allowed, then as much as flows in.

    Tokens are known only when they have been made: `spend` may overdraw, and the next request waits until that is paid back.
    None: no limit. `clock` gives seconds and never goes back.
    """

    def __init__(
        self,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._limits = {"requests": requests_per_minute, "tokens": tokens_per_minute}
        self._clock = clock
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._swept = clock()

    def __bool__(self) -> bool:
        return any(self._limits.values())

    def admit(self, client: str) -> None:
        """Count one request. Raises ApiError 429 that says when to come again; a refused request is not counted."""
        buckets = [(what, bucket) for what in self._limits if (bucket := self._bucket(what, client))]
        for what, bucket in buckets:
            if bucket.level < 1:
                raise self._refusal(what, client, max(1, math.ceil(bucket.seconds_until(1))))
        for what, bucket in buckets:
            bucket.level -= what == "requests"

    def charge(self, client: str, num_answers: int) -> None:
        """Count what an admitted request holds beyond its first answer; that may overdraw, as with tokens.

        Raises ApiError 400 where not even a whole minute's amount holds so many.
        """
        limit = self._limits["requests"]
        if limit is not None and num_answers > limit:
            raise ApiError(
                400,
                tr(
                    f"Each answer counts as a request: {num_answers} are asked for at once, {limit} are allowed a minute.",
                    f"每个回答计为一次请求：一次请求了 {num_answers} 个，每分钟上限为 {limit} 个。",
                ),
                param="n",
            )
        if bucket := self._bucket("requests", client):
            bucket.level -= num_answers - 1

    def spend(self, client: str, num_tokens: int) -> None:
        """Count tokens of prompts and answers."""
        if bucket := self._bucket("tokens", client):
            bucket.level -= num_tokens

    def headers(self, client: str) -> dict[str, str]:
        """`x-ratelimit-*` as OpenAI's API has them: the limit, what is left, and when it is full again."""
        headers = {}
        for what, limit in self._limits.items():
            if bucket := self._bucket(what, client):
                headers[f"x-ratelimit-limit-{what}"] = str(limit)
                headers[f"x-ratelimit-remaining-{what}"] = str(max(0, math.floor(bucket.level)))
                headers[f"x-ratelimit-reset-{what}"] = _duration(bucket.seconds_until(bucket.capacity))
        return headers

    def _bucket(self, what: str, client: str) -> Bucket | None:
        limit, now = self._limits[what], self._clock()
        if limit is None:
            return None
        if now - self._swept > _SWEEP_SECONDS:
            self._sweep(now)
        bucket = self._buckets.setdefault((what, client), Bucket(limit, limit, now))
        bucket.refill(now)
        return bucket

    def _sweep(self, now: float) -> None:
        """Forget full buckets: a new one is the same."""
        self._swept = now
        for bucket in self._buckets.values():
            bucket.refill(now)
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if bucket.level < bucket.capacity}

    def _refusal(self, what: str, client: str, seconds: int) -> ApiError:
        name = tr(*{"requests": ("requests", "次请求"), "tokens": ("tokens", "个 token")}[what])
        return ApiError(
            429,
            tr(
                f"The limit of {self._limits[what]} {name} a minute is used up; try again in {seconds} s.",
                f"已达到每分钟 {self._limits[what]} {name}的上限，请在 {seconds} 秒后重试。",
            ),
            code="rate_limit_exceeded",
            headers={"Retry-After": str(seconds), **self.headers(client)},
        )


def _duration(seconds: float) -> str:
    """As in OpenAI's headers: `6m0s`, `1.2s`, `20ms`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds * 10) / 10, 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{round(rest, 1):g}s"


def client_of(scope: asgi.Scope) -> str:
    """Whose limits hold: the key's name, else the address."""
    return asgi.state(scope).get("key") or address_of((scope.get("client") or ("local",))[0])


class RateMiddleware:
    """Counts every POST against the client's limits; the request's state holds who that is as `client`.

    `free` are the endings of paths that cost nothing and must always get through.
    """

    def __init__(self, app: asgi.App, limits: RateLimits, free: tuple[str, ...] = ("/answer_now",)):
        self.app, self.limits, self.free = app, limits, free

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        client = asgi.state(scope)["client"] = client_of(scope)
        if scope["method"] != "POST" or scope["path"].endswith(self.free) or not self.limits:
            return await self.app(scope, receive, send)
        try:
            self.limits.admit(client)
        except ApiError as error:
            return await asgi.refuse(scope, send, error)
        await self.app(scope, receive, asgi.with_headers(send, lambda: self.limits.headers(client)))
