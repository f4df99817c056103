"""What `/metrics` shows, for Prometheus. vLLM's names where they mean the same, so that its dashboards fit; else `zhinao:`."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640)
_BETWEEN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 10)
_WHOLE = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920)
_LABEL = ("model_name",)


class Metrics:
    """Counts of one model. `num_running` and `num_waiting` are asked when somebody looks."""

    def __init__(
        self,
        model_name: str,
        num_running: Callable[[], int] = lambda: 0,
        num_waiting: Callable[[], int] = lambda: 0,
    ):
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._model_name = model_name
        self._gauge("vllm:num_requests_running", "Requests that run.").set_function(num_running)
        self._gauge("vllm:num_requests_waiting", "Requests that wait for a slot.").set_function(num_waiting)
        self.prompt_tokens = self._counter("vllm:prompt_tokens", "Tokens of prompts.")
        self.generation_tokens = self._counter("vllm:generation_tokens", "Tokens that were generated.")
        self.engine_restarts = self._counter("zhinao:engine_restarts", "Restarts of the engine's process.")
        self.first_token = self._histogram("vllm:time_to_first_token_seconds", "From request to first token.", _SECONDS)
        self.between_tokens = self._histogram("vllm:inter_token_latency_seconds", "From token to token.", _BETWEEN)
        self.per_token = self._histogram(
            "vllm:request_time_per_output_token_seconds", "Mean time of a token after the first.", _BETWEEN
        )
        self.whole = self._histogram("vllm:e2e_request_latency_seconds", "From request to last token.", _WHOLE)
        self.queued = self._histogram("vllm:request_queue_time_seconds", "Waiting for a slot.", _WHOLE)
        self._finished = self._family(Counter, "vllm:request_success", "Requests that ended.", "finished_reason")
        self._refused = self._family(Counter, "zhinao:requests_refused", "Requests that were refused.", "reason")
        self._responses = Counter(
            "zhinao:http_responses", "HTTP responses.", ("route", "status"), registry=self.registry
        )

    def request(self) -> "Meter":
        """The stopwatch of one request; to be made when it arrives."""
        return Meter(self)

    def responded(self, route: str, status: int, error: str | None = None) -> None:
        """`error` is the code of a refusal: `queue_full`, `rate_limit_exceeded`, …"""
        self._responses.labels(route, str(status)).inc()
        if error:
            self._refused.labels(self._model_name, error).inc()

    def ended(self, reason: str) -> None:
        self._finished.labels(self._model_name, reason).inc()

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics where the header Accept asks for it, else Prometheus' own text."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _family(self, kind, name: str, words: str, *labels: str, **settings):
        return kind(name, words, (*_LABEL, *labels), registry=self.registry, **settings)

    def _counter(self, name: str, words: str) -> Counter:
        return self._family(Counter, name, words).labels(self._model_name)

    def _gauge(self, name: str, words: str) -> Gauge:
        return self._family(Gauge, name, words).labels(self._model_name)

    def _histogram(self, name: str, words: str, buckets: tuple) -> Histogram:
        return self._family(Histogram, name, words, buckets=buckets).labels(self._model_name)


class Meter:
    """Measures one request: `started` when the first of its answers has a slot (later calls change nothing), `tokens` for each batch of new ones, `finished` once."""

    def __init__(self, metrics: Metrics):
        self._metrics = metrics
        self._arrived = time.perf_counter()
        self._first = self._last = 0.0
        self._num_tokens = 0
        self._is_started = False

    def started(self, num_prompt_tokens: int) -> None:
        if self._is_started:
            return
        self._is_started = True
        self._metrics.queued.observe(time.perf_counter() - self._arrived)
        self._metrics.prompt_tokens.inc(num_prompt_tokens)

    def tokens(self, num_new: int) -> None:
        """Tokens that came together. Cheap: one counter and one histogram, whatever their number."""
        if not num_new:
            return
        now, metrics = time.perf_counter(), self._metrics
        metrics.generation_tokens.inc(num_new)
        if self._num_tokens:
            metrics.between_tokens.observe((now - self._last) / num_new)
        else:
            metrics.first_token.observe(now - self._arrived)
            self._first = now
        self._last = now
        self._num_tokens += num_new

    def finished(self, reason: str) -> None:
        """`reason`: `stop`, `length`, `tool_calls`, `cancelled` (vLLM says `abort`) or `error`."""
        metrics = self._metrics
        metrics.ended("abort" if reason == "cancelled" else reason)
        metrics.whole.observe(time.perf_counter() - self._arrived)
        if self._num_tokens > 1:
            metrics.per_token.observe((self._last - self._first) / (self._num_tokens - 1))
