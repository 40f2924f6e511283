"""Service URLs: checks whether they can be used, and shows them without passwords."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_CREDENTIALS: Final = re.compile(r"(?:(?<=://)|(?<![^\s,])(?!\w+://|\w+=))[^\s,]*@")
_CUT_CREDENTIALS: Final = re.compile(r"(?<=://)[^\s,/@\[]*:(?![0-9]*(?:[/?#\s,]|$))[^\s,/]*")
_INNER_PORT: Final = re.compile(r":[0-9]*[^0-9\]:]+[^\]]*$")
_PLACE_BEHIND: Final = re.compile(r"@[^/@]*:[0-9]+(?:/|$)")
_PORT_DIGITS: Final = 4
"""A number with so many digits behind an address of IPv6 is rather a port than its last group."""
_HOST: Final = re.compile(r"[^\s/?#@\\,${}]+")
_BASE_PATH: Final = re.compile(r"(?:/eureka)?(?:/v[12])?/?$")


def redact(url: str) -> str:
    """Return `url` with `***` in the place of user and password; several URLs may be given.

    It also works for a URL that was cut in two at a comma in its password. An IPv6 address without
    brackets is not taken for a password.
    """
    return _CUT_CREDENTIALS.sub(_cut, _CREDENTIALS.sub("***@", url))


def _cut(match: re.Match[str]) -> str:
    return match[0] if _without_brackets(match[0]) else "***"


def service_url(text: str) -> str:
    """Return the URL as the peers use it: trimmed, and ending in `/` as Spring makes it."""
    url = text.strip()
    return url if not url or url.endswith("/") else f"{url}/"


def problem(url: str) -> str | None:
    """Say why `url` cannot be a service URL, without showing its password; `None` if it can."""
    shown = repr(redact(url))
    if message := _slip(url):
        return f"{shown} {message}"
    try:
        parts = urlsplit(url)
        valid_port = parts.port != 0
    except ValueError:
        cut = "; a comma in a password is written %2C" if "***" in shown else ""
        return f"{shown} has no valid host and port{cut}"
    if parts.scheme not in {"http", "https"}:
        return f"{shown} does not begin with http:// or https://"
    if not valid_port or not _is_host(parts.hostname or ""):
        return f"{shown} has no valid host and port"
    if parts.query or parts.fragment or re.search(r"[\s\\]", url):
        return f"{shown} has more than a host, a port and a path"
    return None


def _is_host(host: str) -> bool:
    """Whether a name can be looked up; an empty or too long part makes the resolver raise."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return bool(_HOST.fullmatch(host))


def _slip(url: str) -> str | None:
    """Name the mistake and its cure, if it is a common one."""
    if url.count("://") > 1:
        return "holds several URLs, which a comma must separate"
    _, _, rest = url.partition("://")
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    behind = rest[len(place) :]
    if "@" in behind and (_INNER_PORT.search(place) or _PLACE_BEHIND.search(behind)):
        return (
            "has an @ behind the host: in a password / is written %2F, # is written %23 and ? is "
            "written %3F"
        )
    if bracketed := _without_brackets(place.rpartition("@")[2]):
        return f"has an address of IPv6 without brackets, which is written {bracketed}"
    if not rest and "@" in url:
        return (
            "does not begin with http:// or https://; a comma in the password of the URL before it "
            "is written %2C"
        )
    return None


def _without_brackets(place: str) -> str:
    """Add the missing brackets of an IPv6 address to host and port; empty: nothing is missing."""
    host, _, port = place.rpartition(":")
    if is_ipv6(host) and port.isdecimal() and len(port) >= _PORT_DIGITS:
        return f"[{host}]:{port}"
    if is_ipv6(place):
        return f"[{place}]"
    return f"[{host}]:{port}" if is_ipv6(host) and port.isdecimal() else ""


def is_ipv6(host: str) -> bool:
    """Whether a text is an address of IPv6, without brackets."""
    try:
        return ipaddress.ip_address(host).version == 6  # noqa: PLR2004
    except ValueError:
        return False


def host(text: str) -> str:
    """Return a host name or an address; an address of IPv6 without the brackets it has in URLs."""
    inner = text.strip().removeprefix("[").removesuffix("]")
    return inner if is_ipv6(inner) else text.strip()


def split(url: str) -> SplitResult:
    """Split a URL that has no `problem`."""
    return urlsplit(url)


def in_url(host: str) -> str:
    """Return a host name or an address as URLs write it: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def port_of(url: str) -> int:
    """Return the port of a URL that has no `problem`: the written one, else the scheme's."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def context_path(path: str) -> str:
    """Return the part of a URL's path before the API's own base path.

    `/eureka/`, `/eureka/v2/` and `/v2/` are served anyway and give an empty text;
    `/registry/eureka/` and `/registry/` give `/registry`.
    """
    return _BASE_PATH.sub("", path, count=1)
