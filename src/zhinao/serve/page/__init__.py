"""The web page at `/` and the API description at `/docs`: `PageMiddleware` serves what `make page` built. Imports no framework."""

from zhinao.serve.page.middleware import PageMiddleware

__all__ = ["PageMiddleware"]
