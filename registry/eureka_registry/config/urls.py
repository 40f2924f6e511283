"""Service URLs: whether they can be used, and how they are shown without their passwords."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_CREDENTIALS: Final = re.compile(r"(?:(?<=://)|(?<![^\s,])(?!\w+://|\w+=))[^\s,]*@")
_CUT_CREDENTIALS: Final = re.compile(r"(?<=://)[^\s,/@\[]*:(?![0-9]*(?:[/?#\s,]|$))[^\s,/]*")
_HOST: Final = re.compile(r"[^\s/?#@\\,${}]+")
_BASE_PATH: Final = re.compile(r"(?:/eureka)?(?:/v[12])?/?$")


def redact(url: str) -> str:
    """Return `url` with `***` in the place of user and password; several URLs may be given.

    A URL that a comma in its password has cut in two is covered, too.
    """
    return _CUT_CREDENTIALS.sub("***", _CREDENTIALS.sub("***@", url))


def service_url(text: str) -> str:
    """Return the URL as the peers use it: trimmed, and ending in `/` as Spring makes it."""
    url = text.strip()
    return url if not url or url.endswith("/") else f"{url}/"


def problem(url: str) -> str | None:
    """Say why `url` cannot be a service URL, without showing its password; `None` if it can."""
    shown = repr(redact(url))
    try:
        parts = urlsplit(url)
        valid_port = parts.port != 0
    except ValueError:
        return f"{shown} has no valid host and port"
    if parts.scheme not in {"http", "https"}:
        return f"{shown} does not begin with http:// or https://"
    if not parts.hostname or not _HOST.fullmatch(parts.hostname) or not valid_port:
        return f"{shown} has no valid host and port"
    if parts.query or parts.fragment or re.search(r"[\s\\]", url):
        return f"{shown} has more than a host, a port and a path"
    return None


def split(url: str) -> SplitResult:
    """Take a URL apart that has no `problem`."""
    return urlsplit(url)


def in_url(host: str) -> str:
    """Return a host name or an address as URLs write it: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def port_of(url: str) -> int:
    """Return the port of a URL that has no `problem`, be it written or the scheme's."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def context_path(path: str) -> str:
    """Return what stands before the API's own base path in a URL's path.

    `/eureka/`, `/eureka/v2/` and `/v2/` are served anyway and give an empty text;
    `/registry/eureka/` and `/registry/` give `/registry`.
    """
    return _BASE_PATH.sub("", path, count=1)
