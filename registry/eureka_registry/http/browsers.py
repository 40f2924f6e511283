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
    """The answer to a page that may not ask for this here, `None` if it may or is no page.

    421: the browser was led here by a name that is not ours (DNS rebinding). 403: a page of
    another site wants to change something.

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
    """Whether a request has a mark of a browser's.

    `Accept-Language` is one whatever it says, since scripts can change it but not take it off. The
    `fetch` of Node sends it, too, with a `Sec-Fetch-Mode` that comes alone; browsers send both
    `Sec-Fetch` headers or none, and scripts can send neither.
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
    """Whether no name server decides where `name` leads: an address, or `localhost` (RFC 6761)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_verified(headers: Mapping[str, str]) -> bool:
    """Whether the browser itself has checked a name, and `Host` is one between two programs.

    Browsers send `Sec-Fetch-Site` to HTTPS and to this machine alone: neither can be rebound. A
    proxy that says what it was asked for (API server of Kubernetes, ingress) may then name us as it
    likes.
    """
    return _SITE in headers and _FORWARDED_HOST in headers


def _is_foreign(headers: Mapping[str, str], host: str) -> bool:
    """Whether a page of another site, of a subdomain or of another port sends this.

    Without `Sec-Fetch-Site` (plain HTTP, old browsers) the page's address must be the one asked
    for. Pages of other sites cannot send `X-Forwarded-Host`: they would have to ask first.
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
    """Quote what was sent, for a text that people read."""
    return ascii(host[:_MOST_SHOWN]) if host else "a host without a name"


def _text(status: int, sentence: str) -> Answer:
    return Answer(status, sentence.encode(), _TEXT, _NOSNIFF)
