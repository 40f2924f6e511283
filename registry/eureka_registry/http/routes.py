"""Finds the resource that a path names (`docs/protocol/http.md#base-paths`).

The Eureka API is below `/eureka`, `/eureka/v2`, `/eureka/v1`, `/v2`, `/v1`, and all of that again
below a configured prefix, which also works by itself. Slashes at the end and double ones do not
matter. Nothing of the API is ever redirected, because Java clients do not follow; pages are for
browsers, which do.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final
from urllib.parse import unquote

import msgspec

MAX_SEGMENTS: Final = 12
MOVED: Final = "->"
"""Stands before the place a page has moved to; links in pages are relative, so it matters."""

_NETFLIX_PAGES: Final = {"status.jsp": "../", "lastN.jsp": "../lastn"}


class Resource(Enum):
    """The resources; those of Eureka in the order of `docs/protocol/http.md#endpoints`."""

    APPS = "apps"
    DELTA = "delta"
    APP = "app"
    INSTANCE = "instance"
    STATUS_OVERRIDE = "status override"
    METADATA = "metadata"
    BY_ID = "instance by id"
    VIP = "vip"
    SVIP = "svip"
    ASG = "asg"
    STATUS = "status"
    BATCH = "batch"
    RENEWALS = "renewals"
    OVERRIDES = "overrides"
    DIGEST = "digest"
    COPY = "copy"
    PAGE = "page"

    __hash__ = object.__hash__  # that of Enum is in Python; each answer is counted by it


_BETWEEN_PEERS: Final[Mapping[str, Resource]] = {
    each.value: each for each in (Resource.BATCH, Resource.RENEWALS, Resource.DIGEST, Resource.COPY)
}


class Route(msgspec.Struct, frozen=True):
    """A resource and the names in its path; `v1` for the version of old clients."""

    resource: Resource
    names: tuple[str, ...] = ()
    v1: bool = False


def find(path: str, prefix: str = "", dashboard: str = "") -> Route | None:
    """The route of a raw path (still percent-encoded, without query), `None` for no resource.

    `prefix` is the configured further path, such as `/registry`, `dashboard` the path of the
    dashboard below it; empty: none.
    """
    segments = [segment for segment in path.split("/") if segment]
    if len(segments) > MAX_SEGMENTS:
        return None
    own = [segment for segment in prefix.split("/") if segment]
    below = bool(own) and segments[: len(own)] == own
    if below:
        segments = segments[len(own) :]
    rest, v1 = _without_base(segments)
    if len(rest) == len(segments) and not below:
        return _page_below(dashboard, path, segments) or _server_info(segments)
    if below and not segments and not path.endswith("/"):
        return Route(Resource.PAGE, (MOVED, f"{own[-1]}/"))
    found = _resource(rest, v1=v1)
    return found or (_page_below(dashboard, path, segments) if below or dashboard else None)


def _without_base(segments: list[str]) -> tuple[list[str], bool]:
    """The path below `/eureka`, a version, or both."""
    rest = segments[1:] if segments[:1] == ["eureka"] else segments
    version = rest[0].lower() if rest else ""
    if version in ("v1", "v2"):
        return rest[1:], version == "v1"
    return rest, False


def _page_below(dashboard: str, path: str, segments: list[str]) -> Route | None:
    """A page of a dashboard that has a path of its own (Spring's `eureka.dashboard.path`)."""
    own = [segment for segment in dashboard.split("/") if segment]
    if segments[: len(own)] != own:
        return None
    if own and segments == own and not path.endswith("/"):
        return Route(Resource.PAGE, (MOVED, f"{own[-1]}/"))
    return _page(segments[len(own) :])


def _page(segments: list[str]) -> Route | None:
    """The dashboard and what belongs to it."""
    top = segments[0] if segments else ""
    if top in ("", "lastn", "static", "dashboard"):
        return Route(Resource.PAGE, tuple(segments))
    if top == "jsp" and segments[-1] in _NETFLIX_PAGES:
        return Route(Resource.PAGE, (MOVED, _NETFLIX_PAGES[segments[-1]]))
    return None


def _server_info(segments: list[str]) -> Route | None:
    if segments == ["serverinfo", "statusoverrides"]:
        return Route(Resource.OVERRIDES)
    return None


def _resource(segments: list[str], *, v1: bool) -> Route | None:
    names = tuple(unquote(segment, errors="replace") for segment in segments[1:])
    match segments[:1], names:
        case ["apps"], _:
            return _below_apps(names, v1=v1)
        case ["instances"], (_,):
            return Route(Resource.BY_ID, names, v1)
        case ["vips"], (_,):
            return Route(Resource.VIP, names, v1)
        case ["svips"], (_,):
            return Route(Resource.SVIP, names, v1)
        case ["asg"], (name, "status"):
            return Route(Resource.ASG, (name,), v1)
        case ["status"], ():
            return Route(Resource.STATUS, (), v1)
        case ["peerreplication"], (kind,):
            return _between_peers(kind)
        case _:
            return _server_info(segments)


def _below_apps(names: tuple[str, ...], *, v1: bool) -> Route | None:
    app = tuple(name.upper() for name in names[:1]) + names[1:2]
    match names:
        case ():
            return Route(Resource.APPS, (), v1)
        case ("delta",):
            return Route(Resource.DELTA, (), v1)
        case (_,):
            return Route(Resource.APP, app, v1)
        case (_, _):
            return Route(Resource.INSTANCE, app, v1)
        case (_, _, "status"):
            return Route(Resource.STATUS_OVERRIDE, app, v1)
        case (_, _, "metadata"):
            return Route(Resource.METADATA, app, v1)
        case _:
            return None


def _between_peers(kind: str) -> Route | None:
    resource = _BETWEEN_PEERS.get(kind)
    return Route(resource) if resource is not None else None
