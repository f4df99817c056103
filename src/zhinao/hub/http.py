"""Opening an address: proxies and certificates by the environment, secrets kept from other hosts, refusals as sentences.

Does not retry and does not store; that is `download.py`.
"""

import contextlib
import functools
import os
import re
import socket
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urljoin, urlsplit

from zhinao import oserrors
from zhinao.errors import DownloadError
from zhinao.lang import tr
from zhinao.version import __version__

_NUMBERED = re.compile(r"\[Errno (-?\d+)\] ([^\]>]*)")
TIMEOUT = 30  # seconds without a byte
TEMPORARY = (urllib.error.URLError, HTTPException, OSError)
_TEMPORARY_STATUS = (408, 425, 429, 500, 502, 503, 504)


class RefusedError(DownloadError):
    """The server's no, or a certificate that is not trusted: trying again will not help. `status` is HTTP's, or None."""

    def __init__(self, message: str, hint: str | None = None, status: int | None = None):
        super().__init__(message, hint)
        self.status = status


def open_url(url: str, headers: dict, name: str, method: str = "GET"):
    """The open response. Raises RefusedError, or one of `TEMPORARY` where another attempt may do. `name` is for errors."""
    _check_scheme(url, name)
    request = urllib.request.Request(
        url, method=method, headers={"User-Agent": f"zhinao/{__version__}", "Accept-Encoding": "identity", **headers}
    )
    try:
        return _opener().open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in _TEMPORARY_STATUS:
            raise
        raise refused(name, error.code) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise RefusedError(
                tr(
                    f"{name}: the certificate of {urlsplit(url).hostname} is not trusted.",
                    f"{name}：不信任 {urlsplit(url).hostname} 的证书。",
                ),
                tr(
                    "behind a company's proxy, name its certificates in SSL_CERT_FILE",
                    "若处于公司代理之后，请用 SSL_CERT_FILE 指定其证书",
                ),
            ) from None
        raise


def refused(name: str, status: int) -> RefusedError:
    """The error for an HTTP status that will stay."""
    if status in (401, 403):
        return RefusedError(
            tr(
                f"{name}: access refused (HTTP {status}); it is private, or its conditions have to be accepted first.",
                f"{name}：访问被拒绝（HTTP {status}），可能是私有模型，或需先同意其条款。",
            ),
            tr(
                "log in with `hf auth login` (or set HF_TOKEN) and accept the conditions on the model's page",
                "请用 `hf auth login` 登录（或设置 HF_TOKEN），并在模型页面同意条款",
            ),
            status,
        )
    if status == 404:
        return RefusedError(tr(f"{name}: not there (HTTP 404).", f"{name}：不存在（HTTP 404）。"), status=status)
    return RefusedError(
        tr(f"{name}: the server answers HTTP {status}.", f"{name}：服务器返回 HTTP {status}。"), status=status
    )


def reason(error: Exception) -> str:
    """A few words of what broke, without class names where the system has better ones."""
    inner = getattr(error, "reason", None) or error
    if isinstance(inner, OSError) and (inner.errno or isinstance(inner, TimeoutError)):
        return oserrors.reason(inner)
    words = str(inner or type(error).__name__)
    if not (told := _NUMBERED.search(words)):  # a client's own error holds the system's as text
        return words
    number = int(told[1])
    return oserrors.reason(OSError(number, told[2]) if number > 0 else socket.gaierror(number, told[2]))


def _check_scheme(url: str, name: str) -> None:
    """Neither `file:` nor `ftp:`, whoever gave the address."""
    if (scheme := urlsplit(url).scheme.lower()) not in ("http", "https"):
        raise RefusedError(
            tr(
                f"{name}: the server sends to a {scheme or '?'}: address; only http and https are followed.",
                f"{name}：服务器指向 {scheme or '?'}: 地址；只支持 http 与 https。",
            )
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, but a token meant for one host is not shown to another, nor sent in the clear."""

    def http_error_302(self, req, fp, code, msg, headers):
        if place := headers.get("location") or headers.get("uri"):
            _check_scheme(urljoin(req.full_url, place), urlsplit(req.full_url).hostname or "")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, request, *rest):
        new = super().redirect_request(request, *rest)
        if new is not None and urlsplit(new.full_url)[:2] != urlsplit(request.full_url)[:2]:
            new.remove_header("Authorization")
        return new


@functools.cache
def _opener() -> urllib.request.OpenerDirector:
    context = ssl.create_default_context()
    with contextlib.suppress(
        ImportError
    ):  # slim images have no certificates of their own; these come with the hub's client
        import certifi

        context.load_verify_locations(certifi.where())
    for key in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"):  # certificates that the user has named elsewhere
        if os.path.isfile(os.environ.get(key, "")):
            context.load_verify_locations(os.environ[key])
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Redirects)
