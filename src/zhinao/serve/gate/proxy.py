"""Addresses of clients, and proxies before them: whose word on the client's address is taken. Nobody's, unless they were named."""

import ipaddress

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.serve.gate import asgi

_WRAP_BITS = 96  # before an address of IPv4 in one of IPv6


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


def parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address; one of IPv4 also where IPv6 only wraps it (`::ffff:1.2.3.4`). Raises ValueError for what is none."""
    address = ipaddress.ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address


def is_one_of(host: str, proxies: tuple[str, ...]) -> bool:
    """Whether a connection comes from a named proxy."""
    try:
        address = parsed(host)
    except ValueError:
        return False
    return any(address in _network(proxy) for proxy in proxies)


def address_of(host: str) -> str:
    """What stands for one client: its address, or of IPv6 the /64 network, which is what one client has."""
    try:
        address = parsed(host)
    except ValueError:
        return host
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))


def _network(proxy: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    network = ipaddress.ip_network(proxy)
    first = getattr(network.network_address, "ipv4_mapped", None)
    is_wrapped = first is not None and network.prefixlen >= _WRAP_BITS
    return ipaddress.ip_network((first, network.prefixlen - _WRAP_BITS)) if is_wrapped else network


def _spellings(proxy: str) -> list[str]:
    """As text, for comparisons that know nothing of wrapped addresses: a server on `::` sees IPv4 only so."""
    network = _network(proxy)
    if network.version == 6:
        return [str(network)]
    return [str(network), f"::ffff:{network.network_address}/{network.prefixlen + _WRAP_BITS}"]


def behind(app: asgi.App, proxies: tuple[str, ...]) -> asgi.App:
    """`app` with the client's address from `X-Forwarded-For` where the connection is one of a named proxy."""
    if not proxies:
        return app
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    return ProxyHeadersMiddleware(app, trusted_hosts=[name for proxy in proxies for name in _spellings(proxy)])
