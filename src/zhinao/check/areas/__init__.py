"""The checks, one file an area (or a few small ones). Importing this package collects all of them, in the order they run."""

import importlib

ORDER = [
    "models",
    "shape",
    "framing",
    "usage",
    "stops",
    "characters",
    "choices",
    "seeds",
    "sampling",
    "length",
    "logprobs",
    "completions",
    "structured",
    "tools",
    "messages",
    "thinking",
    "tokens",
    "responses",
    "errors",
    "auth",
    "operations",
    "http",
    "concurrency",
    "disconnect",
    "limits",
]
for _name in ORDER:
    importlib.import_module(f"{__name__}.{_name}")
