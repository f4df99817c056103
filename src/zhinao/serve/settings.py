"""Everything that can be set about a server, as one dataclass: defaults, then a YAML file, then flags."""

from dataclasses import dataclass
from typing import Literal

from zhinao.family import Release


@dataclass(frozen=True)
class ServeSettings:
    """`served_model_name`: what clients call the model (None: its own name). Sizes and limits: None is no limit, unless it says so."""

    host: str = "127.0.0.1"
    port: int = 8360
    served_model_name: tuple[str, ...] | None = None
    # engine
    engine: str = "auto"
    quant: str | None = None
    device: str = "auto"
    threads: int | None = None
    cache_gb: float | None = None
    tuned_for: Literal["many", "one"] = "many"  # how many requests at once int8 weights are set up for
    # who may ask, and how much
    api_key_file: str | None = None
    allow_anyone: bool = False  # an address that others can reach without a key
    cors_origin: tuple[str, ...] = ()
    proxy: tuple[str, ...] = ()  # whose X-Forwarded-For is believed
    requests_per_minute: int | None = None  # of one key, or of one address where there are no keys
    tokens_per_minute: int | None = None
    max_running: int = 64
    max_queued: int = 256
    max_body_mb: float = 8.0
    max_connections: int = 256  # of one address
    # behaviour
    strict_params: bool = False
    thinking_budget: int | None = None
    drain_seconds: float = 30.0
    log_format: Literal["text", "json"] = "text"
    log_content: bool = False


def model_names(own_name: str, release: Release | None) -> tuple[str, ...]:
    """What clients may call a model: one rule for both engines, so that a client need not know which one runs.

    Its own name first (that of answers), then those that the publisher's README uses for it.
    """
    published = (release.hub_id.partition("/")[2], release.hub_id, release.short) if release else ()
    return tuple(dict.fromkeys((own_name, *published)))
