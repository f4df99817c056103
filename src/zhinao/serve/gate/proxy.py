"""Addresses of clients, and proxies before them: whose word on the client's address is taken. Nobody's, unless they were named."""

import ipaddress

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.serve.gate import asgi


def check_proxies(proxies: tuple[str, ...]) -> None:
    """Raise UsageError for a `--proxy` that is neither an address nor a network."""
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise UsageError(
                tr(f"--proxy {proxy}: not an address or network.", f"--proxy {proxy}：不是地址或网段。"),
                tr("for example 127.0.0.1 or 10.0.0.0/8", "例如 127.0.0.1 或 10.0.0.0/8"),
            ) from None


def is_one_of(host: str, proxies: tuple[str, ...]) -> bool:
    """Whether a connection comes from a named proxy."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(proxy) for proxy in proxies)


def address_of(host: str) -> str:
    """What stands for one client: its address, or of IPv6 the /64 network, which is what one client has."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def behind(app: asgi.App, proxies: tuple[str, ...]) -> asgi.App:
    """`app` with the client's address from `X-Forwarded-For` where the connection is one of a named proxy."""
    if not proxies:
        return app
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    return ProxyHeadersMiddleware(app, trusted_hosts=list(proxies))
