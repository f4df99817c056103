import time

from prometheus_client.parser import text_string_to_metric_families

from zhinao.serve.gate.metrics import Metrics


def samples(metrics) -> dict:
    """{name{labels}: value} of the page, as a scraper reads it."""
    page, content_type = metrics.render()
    assert content_type.startswith("text/plain")
    return {
        (
            sample.name,
            *(value for name, value in sorted(sample.labels.items()) if name != "le" and value != "7b"),
        ): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
        if sample.labels.get("le", "+Inf") == "+Inf"
    }


def test_one_request_is_counted_once():
    metrics = Metrics("7b")
    meter = metrics.request()
    meter.started(12)
    meter.tokens(1)
    time.sleep(0.02)
    meter.tokens(4)
    meter.tokens(0)
    meter.finished("stop")
    seen = samples(metrics)
    assert seen["vllm:prompt_tokens_total",] == 12
    assert seen["vllm:generation_tokens_total",] == 5
    assert seen["vllm:request_success_total", "stop"] == 1
    assert seen["vllm:time_to_first_token_seconds_count",] == 1
    assert seen["vllm:inter_token_latency_seconds_count",] == 1
    assert 0.005 <= seen["vllm:inter_token_latency_seconds_sum",] < 0.02
    assert 0.005 <= seen["vllm:request_time_per_output_token_seconds_sum",] < 0.02
    assert seen["vllm:e2e_request_latency_seconds_sum",] >= 0.02
    assert seen["vllm:request_queue_time_seconds_count",] == 1


def test_gauges_are_asked_when_somebody_looks():
    running = [3]
    metrics = Metrics("7b", lambda: running[0], lambda: 7)
    running[0] = 5
    assert samples(metrics)["vllm:num_requests_running",] == 5 and samples(metrics)["vllm:num_requests_waiting",] == 7


def test_cancelled_is_called_abort_as_vllm_does():
    metrics = Metrics("7b")
    metrics.request().finished("cancelled")
    assert samples(metrics)["vllm:request_success_total", "abort"] == 1


def test_responses_refusals_and_restarts():
    metrics = Metrics("7b")
    metrics.responded("/v1/chat/completions", 200)
    metrics.responded("/v1/chat/completions", 429, "queue_full")
    metrics.engine_restarts.inc()
    seen = samples(metrics)
    assert seen["zhinao:http_responses_total", "/v1/chat/completions", "200"] == 1
    assert seen["zhinao:requests_refused_total", "queue_full"] == 1
    assert seen["zhinao:engine_restarts_total",] == 1


def test_two_servers_in_one_process_do_not_mix():
    first, second = Metrics("7b"), Metrics("7b")
    first.prompt_tokens.inc(5)
    assert samples(second)["vllm:prompt_tokens_total",] == 0


def test_open_metrics_where_asked_for():
    page, content_type = Metrics("7b").render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text") and page.endswith(b"# EOF\n")
