"""Rules for requests of browsers, which also send requests for pages of strangers. Pure.

Programs notice nothing of this. A request belongs to a browser if it has one of the headers that
every browser sends and that no script can take off all at once. Reasons, and what Chromium sends:
docs/decisions/0023-what-web-pages-may-ask-for.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from eureka_registry.http.messages import Answer

_SITE: Final = "Sec-Fetch-Site"
_MODE: Final = "Sec-Fetch-Mode"
_ORIGIN: Final = "Origin"
_REFERER: Final = "Referer"
_LANGUAGE: Final = "Accept-Language"
_AGENT: Final = "User-Agent"
_HOST: Final = "Host"
_FORWARDED_HOST: Final = "X-Forwarded-Host"

BROWSER_AGENT: Final = "Mozilla/"
"""What the `User-Agent` of every browser begins with; Chromium lets no script change it."""

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_PAGES: Final = frozenset({"same-origin", "none"})
_PORT: Final = re.compile(r":[0-9]*$")
_MOST_SHOWN: Final = 100
_NOSNIFF: Final = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))
_TEXT: Final = "text/plain; charset=utf-8"


def refusal(
    method: str, headers: Mapping[str, str], is_served: Callable[[str], bool]
) -> Answer | None:
    """The answer to a web page's request that is not allowed; `None`: allowed, or of no page.

    421: the browser came by a name that is not ours (DNS rebinding). 403: a page of another site
    wants to change something.

    Args:
        method: of the request.
        headers: of the request; names are found in any case.
        is_served: whether a host name, in lower case and without port, is one of ours.
    """
    if not is_of_browser(headers):
        return None
    host = headers.get(_HOST, "")
    if not _is_verified(headers) and not is_served(name_of(host)):
        return _text(421, _NOT_SERVED.format(_quote(host)))
    if method not in _READS and _is_foreign(headers, host):
        return _text(403, _FOREIGN)
    return None


_NOT_SERVED: Final = (
    "This registry is not served to browsers as {}: such a name must be an address, localhost, a "
    "name of this peer or of its peers, or be listed in the setting allowed_hosts.\n"
)
_FOREIGN: Final = (
    "Pages of other sites may not change this registry: Origin and Host differ, or Sec-Fetch-Site "
    "says so. A proxy in front must pass Host on, or send X-Forwarded-Host.\n"
)


def is_of_browser(headers: Mapping[str, str]) -> bool:
    """Whether a request has a header that only browsers send.

    `Accept-Language` is one, whatever its value: scripts can change it but not remove it. The
    `fetch` of Node sends it, too, with `Sec-Fetch-Mode` alone; browsers send both `Sec-Fetch`
    headers or none, and scripts cannot set them.
    """
    if headers.get(_AGENT, "").startswith(BROWSER_AGENT):
        return True
    if _SITE in headers or _ORIGIN in headers or _REFERER in headers:
        return True
    return _LANGUAGE in headers and _MODE not in headers


def name_of(host: str) -> str:
    """The name or address in a `Host` header: lower case, without port and brackets."""
    name = _PORT.sub("", host.strip().lower())
    return name.removeprefix("[").removesuffix("]").removesuffix(".")


def is_nobodys(name: str) -> bool:
    """Whether no name server resolves `name`: an address, or `localhost` (RFC 6761)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_verified(headers: Mapping[str, str]) -> bool:
    """Whether the browser itself has checked a name, and `Host` is one between proxies.

    Browsers send `Sec-Fetch-Site` only to HTTPS and to this machine: neither can be rebound. A
    proxy that forwards the browser's host (Kubernetes' API server, an ingress) may then use any
    name for us.
    """
    return _SITE in headers and _FORWARDED_HOST in headers


def _is_foreign(headers: Mapping[str, str], host: str) -> bool:
    """Whether a page of another site, subdomain or port sends this.

    Without `Sec-Fetch-Site` (plain HTTP, old browsers) the page's address must be that of the
    request. Pages of other sites cannot send `X-Forwarded-Host`: that needs a CORS preflight.
    """
    site = headers.get(_SITE)
    if site is not None:
        return site not in _OWN_PAGES
    page = headers.get(_ORIGIN, headers.get(_REFERER))
    if page is None:
        return False
    asked_for = {host.lower(), headers.get(_FORWARDED_HOST, host).lower()}
    return _place(page) not in asked_for


def _place(page: str) -> str:
    """Host and port of a page's address as a `Host` header has them; empty for `null`."""
    try:
        return urlsplit(page).netloc.lower()
    except ValueError:
        return ""


def _quote(host: str) -> str:
    """Quote a received value for a message."""
    return ascii(host[:_MOST_SHOWN]) if host else "a host without a name"


def _text(status: int, sentence: str) -> Answer:
    return Answer(status, sentence.encode(), _TEXT, _NOSNIFF)
