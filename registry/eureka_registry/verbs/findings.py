"""The findings of `doctor`: one table of codes, and the checks of a registry.

A code never changes. What a program alone can check (pods, variables) it adds by `finding`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from eureka_registry.config.urls import is_ipv6
from eureka_registry.core.model import Instance, Status
from eureka_registry.verbs.listing import (
    Listing,
    is_overridden,
    name_of,
    ports_of,
    renewed_ms,
)
from eureka_registry.verbs.tables import Table, span, table

_LOCAL: Final = re.compile(
    r"localhost(\.localdomain)?|.*\.localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1?|\[::1?\]"
)
_POD: Final = re.compile(
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?-[a-f0-9]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}"
)
"""A pod of a Deployment: the template's hash and five letters of `SafeEncodeString` behind its
name (k8s.io/apimachinery/pkg/util/rand)."""
_CONTAINER: Final = re.compile(r"[0-9a-f]{12}")
"""The host name that Docker gives to a container: the beginning of its id."""
_SHORTEST_INTERVAL_S: Final = 5
_LONGEST_DURATION_S: Final = 600
_DEFAULT_ZONES: Final = frozenset({"", "defaultzone"})


class Code(NamedTuple):
    """A kind of finding, and its cure."""

    sentence: str
    cure: str


CODES: Final = {
    "address_localhost": Code(
        "it registers localhost, which is another machine for each client",
        "set eureka.instance.prefer-ip-address=true, or eureka.instance.hostname to a name that"
        " clients can look up",
    ),
    "url_localhost": Code(
        "one of its URLs leads to localhost",
        "set eureka.instance.hostname or the URL itself (eureka.instance.health-check-url)",
    ),
    "host_name_not_known": Code(
        "its host name is the name of a pod or container, which clients cannot look up",
        "set eureka.instance.prefer-ip-address=true",
    ),
    "no_port": Code(
        "no port is in use, so nobody can call it",
        "set server.port; eureka.instance.non-secure-port-enabled=true",
    ),
    "app_name_missing": Code(
        "the application has no name of its own: it is called UNKNOWN",
        "set spring.application.name",
    ),
    "vip_missing": Code(
        "it has no vipAddress, by which Spring's clients look it up",
        "set eureka.instance.virtual-host-name to the application's name",
    ),
    "same_address": Code(
        "two instances of the application have the same address and port",
        "either one of them is dead, or the instance id changes with each start: give it one that"
        " stays the same (eureka.instance.instance-id), and remove the dead one",
    ),
    "lease_too_short": Code(
        "the lease ends when one renewal is lost",
        "make eureka.instance.lease-expiration-duration-in-seconds at least three times"
        " lease-renewal-interval-in-seconds",
    ),
    "lease_too_long": Code(
        "a dead instance stays registered for long",
        "lower eureka.instance.lease-expiration-duration-in-seconds; the default is 90",
    ),
    "interval_too_short": Code(
        "it renews very often, which loads every peer",
        "raise eureka.instance.lease-renewal-interval-in-seconds; the default is 30",
    ),
    "lease_over": Code(
        "its lease is over, and it is still listed",
        "it is dead, or cannot reach the registry; self-preservation keeps such leases while many"
        " are late: see what the registry says of it",
    ),
    "overridden": Code(
        "an operator's override keeps it out of service",
        "when it may serve again, put it back in service with the command `in`",
    ),
    "zone_missing": Code(
        "it names no zone, but other instances of the application do",
        "set eureka.instance.metadata-map.zone on all instances, or on none",
    ),
    "zone_not_known": Code(
        "its zone is not one of the registry's zones, so no client prefers it",
        "use one of the registry's zones in eureka.instance.metadata-map.zone",
    ),
    "not_readable": Code(
        "an instance cannot be read",
        "look at what its client registers: it is not what a Eureka client sends",
    ),
    "not_reachable": Code(
        "its address cannot be reached from here",
        "if clients cannot reach it either, register an address that they can reach"
        " (eureka.instance.ip-address, .hostname, .non-secure-port)",
    ),
    "base_path_missing": Code(
        "the URL is not the service URL that clients need: its path is missing or wrong",
        "write the whole service URL into eureka.client.service-url.defaultZone",
    ),
    "replicas_not_available": Code(
        "the server lists replicas that are not available",
        "start the replicas that do not answer. If they answer, and the server is a Java server:"
        " their host names (eureka.instance.hostname) must be those in defaultZone, and"
        " prefer-ip-address must be false",
    ),
}
"""By code: what is wrong, and what to do."""


class Finding(msgspec.Struct, frozen=True):
    """A finding: its code, what it is about, and in words."""

    code: str
    about: str
    sentence: str
    cure: str


class CheckContext(NamedTuple):
    """What checks of instances are based on.

    `listing` has leases as they were when each document was written, `fresh` those that were looked
    up one by one. `zones` are the registry's; empty: not known, or there are none.
    """

    listing: Listing
    fresh: dict[tuple[str, str], Instance]
    zones: frozenset[str] = frozenset()


def finding(code: str, about: str, detail: str = "", codes: dict[str, Code] = CODES) -> Finding:
    """Make a finding of the table's sentence and a detail."""
    known = codes[code]
    sentence = f"{known.sentence}: {detail}" if detail else known.sentence
    return Finding(code, about, sentence, known.cure)


def suspects(listing: Listing, most: int) -> list[Instance]:
    """Instances whose lease is over by the list: they should be looked up one by one.

    At most `most` of them, the longest silent first.
    """
    over = [each for each in listing.instances if _over_ms(each, listing.now_ms)]
    return sorted(over, key=lambda each: renewed_ms(each, listing.now_ms))[:most]


def check(context: CheckContext) -> list[Finding]:
    """All findings about instances, in their order."""
    listing = context.listing
    found = [finding("not_readable", "the registry", each) for each in listing.problems]
    for each in listing.instances:
        found += [
            finding(code, name_of(each), detail) for code, rule in _RULES for detail in rule(each)
        ]
        found += _lease_over(each, context)
        found += _zone_not_known(each, context.zones)
    return [*found, *_group_findings(listing.instances)]


def without(findings: Iterable[Finding], ignored: Iterable[str]) -> list[Finding]:
    """The findings without those that have an ignored code."""
    codes = frozenset(ignored)
    return [each for each in findings if each.code not in codes]


def finding_table(findings: Iterable[Finding]) -> Table:
    """The table of findings for people, sorted by code."""
    ordered = sorted(findings, key=lambda each: (each.code, each.about))
    rows = [
        (each.code, each.about, f"{each.sentence}. {each.cure[:1].upper()}{each.cure[1:]}.")
        for each in ordered
    ]
    return table(("code", "about", "what and cure"), rows)


def is_local(host: str) -> bool:
    """Whether a host is the machine that asks."""
    return bool(_LOCAL.fullmatch(host.lower()))


def _local_address(instance: Instance) -> Iterator[str]:
    given = (instance.host_name, instance.ip_addr)
    found = ", ".join(dict.fromkeys(filter(is_local, given)))
    if found:
        yield found


def _local_url(instance: Instance) -> Iterator[str]:
    if is_local(instance.host_name):
        return  # said already
    for url in (instance.home_page_url, instance.status_page_url, instance.health_check_url):
        host = _host_of(url or "")
        if host and is_local(host):
            yield str(url)


def _unknown_host(instance: Instance) -> Iterator[str]:
    host = instance.host_name
    if host != instance.ip_addr and (_POD.fullmatch(host) or _CONTAINER.fullmatch(host)):
        yield host


def _no_port(instance: Instance) -> Iterator[str]:
    if not any(number for _, number in ports_of(instance)):
        yield ""


def _no_app_name(instance: Instance) -> Iterator[str]:
    if instance.app == "UNKNOWN":
        yield ""


def _no_vip(instance: Instance) -> Iterator[str]:
    if not instance.vip_address and not instance.secure_vip_address:
        yield ""


def _short_lease(instance: Instance) -> Iterator[str]:
    lease = instance.lease
    if lease.duration_s < 2 * lease.renewal_interval_s:
        yield f"{lease.duration_s} s, renewed every {lease.renewal_interval_s} s"


def _long_lease(instance: Instance) -> Iterator[str]:
    if instance.lease.duration_s > _LONGEST_DURATION_S:
        yield f"its lease is {instance.lease.duration_s} s long"


def _short_interval(instance: Instance) -> Iterator[str]:
    if instance.lease.renewal_interval_s < _SHORTEST_INTERVAL_S:
        yield f"every {instance.lease.renewal_interval_s} s"


def _override(instance: Instance) -> Iterator[str]:
    if is_overridden(instance) and instance.status is Status.OUT_OF_SERVICE:
        yield ""


_RULES: Final[tuple[tuple[str, Callable[[Instance], Iterator[str]]], ...]] = (
    ("address_localhost", _local_address),
    ("url_localhost", _local_url),
    ("host_name_not_known", _unknown_host),
    ("no_port", _no_port),
    ("app_name_missing", _no_app_name),
    ("vip_missing", _no_vip),
    ("lease_too_short", _short_lease),
    ("lease_too_long", _long_lease),
    ("interval_too_short", _short_interval),
    ("overridden", _override),
)
"""What is checked of each instance; a rule yields details of what it finds."""


def _lease_over(instance: Instance, context: CheckContext) -> Iterator[Finding]:
    fresh = context.fresh.get((instance.app, instance.id))
    over_ms = _over_ms(fresh, context.listing.now_ms) if fresh is not None else 0
    if over_ms:
        yield finding("lease_over", name_of(instance), f"since {span(over_ms)}")


def _zone_not_known(instance: Instance, zones: frozenset[str]) -> Iterator[Finding]:
    zone = instance.zone
    if zones and zone.lower() not in _DEFAULT_ZONES and zone not in zones:
        detail = f"{zone}; the registry has {', '.join(sorted(zones))}"
        yield finding("zone_not_known", name_of(instance), detail)


def _group_findings(instances: Iterable[Instance]) -> Iterator[Finding]:
    by_app: dict[str, list[Instance]] = defaultdict(list)
    for each in instances:
        by_app[each.app].append(each)
    for group in by_app.values():
        yield from _same_addresses(group)
        with_zone = [each for each in group if each.zone]
        if 0 < len(with_zone) < len(group):
            for each in group:
                if not each.zone:
                    yield finding("zone_missing", name_of(each))


def _same_addresses(group: list[Instance]) -> Iterator[Finding]:
    first: dict[tuple[str, int], Instance] = {}
    for each in group:
        for _, number in ports_of(each):
            other = first.setdefault((each.ip_addr, number), each)
            if other is not each:
                detail = f"{each.ip_addr}:{number} is also that of {other.id}"
                yield finding("same_address", name_of(each), detail)
                break


def _over_ms(instance: Instance, now_ms: int) -> int:
    """For how long a lease is over; 0: it is not, or its document has no moment of a renewal."""
    at_ms = renewed_ms(instance, now_ms)
    if not at_ms:
        return 0
    return max(0, now_ms - at_ms - instance.lease.duration_s * 1000)


def _host_of(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return f"[{host}]" if is_ipv6(host) else host
