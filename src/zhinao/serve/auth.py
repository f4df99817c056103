"""The place that `--middleware zhinao.serve.auth.KeyMiddleware` has always named."""

from zhinao.serve.gate.auth import KeyMiddleware

__all__ = ["KeyMiddleware"]
