"""Which proxy of the environment stands before a server, so that messages can name it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from composa import _servers


def is_here(url: str) -> bool:
    """Say whether a server runs on this computer; no proxy stands between then."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def before(url: str) -> str:
    """Name the proxy that the environment says for a server.

    Returns:
        Its address, without the password that it may hold; "": none.
    """
    u = urlsplit(url)
    said = getproxies()
    proxy = said.get(u.scheme) or said.get("all") or ""
    if not proxy or is_here(url) or proxy_bypass(u.hostname or ""):
        return ""
    return _servers.shown(proxy)
