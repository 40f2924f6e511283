"""The rules of both codecs by which a document becomes an `Instance`.

A reader brings its input into one mapping, with the names that JSON has
(`docs/protocol/documents.md#fields`); `instance` reads that mapping. What differs between the two
readers of Java is in `eureka_registry.wire.dialects`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from eureka_registry.core.model import (
    DEFAULT_DURATION_S,
    DEFAULT_RENEWAL_INTERVAL_S,
    DEFAULT_SID,
    ActionType,
    Instance,
    LeaseInfo,
    Port,
    Status,
)
from eureka_registry.core.validation import beyond_bounds, unsafe_characters
from eureka_registry.wire.dialects import Dialect
from eureka_registry.wire.fields import (
    INT_MAX,
    LONG_MAX,
    BadDocument,
    metadata,
    read_integer,
    refused_document,
    status,
    text,
)
from eureka_registry.wire.sharing import shared_metadata, shared_port, shared_text

__all__ = [
    "EMPTY_MAP",
    "BadDocument",
    "Envelope",
    "StatusInfo",
    "amazon_of_departure",
    "brief_amazon",
    "envelope",
    "instance",
    "refuse_unfit",
    "shown_sid",
]

EMPTY_MAP: Final = "java.util.Collections$EmptyMap"

_ACTIONS: Final = {action.value: action for action in ActionType}
_HIDDEN_SIDS: Final = frozenset({DEFAULT_SID, "unknown"})
_PORT: Final = Port(7001, enabled=True)
_SECURE_PORT: Final = Port(7002, enabled=False)
_BRIEF_AMAZON: Final = frozenset(
    {"instance-id", "public-ipv4", "public-hostname", "local-ipv4", "availability-zone"}
)


class StatusInfo(msgspec.Struct, frozen=True):
    """What `/status` shows (Netflix `StatusInfo`).

    The maps go from Java's names to texts, in the order they are shown. `instance` is this peer's
    own document; `is_healthy` is `None` where Java leaves `isHeathly` out.
    """

    general_stats: dict[str, str]
    application_stats: dict[str, str]
    instance: Instance | None = None
    is_healthy: bool | None = None


class Envelope(msgspec.Struct, frozen=True):
    """A list of applications as another server gave it.

    `applications` pairs upper-cased names with instances. An instance that could not be read is
    left out, and `problems` says why.
    """

    versions_delta: str
    hashcode: str
    applications: list[tuple[str, list[Instance]]]
    problems: list[str]


def instance(fields: Mapping[str, object], now_ms: int, dialect: Dialect) -> Instance:
    """Make an instance of the fields of its document.

    Args:
        fields: JSON names to values; unknown names are ignored, whatever they hold.
        now_ms: stands in for a missing `lastDirtyTimestamp`.
        dialect: `JSON` or `XML`.

    Raises:
        BadDocument: Java answers 400 to such a document, too.
    """
    app = text(fields.get("app"), "app")
    if app is None and dialect.app_required:
        raise BadDocument("app is missing")
    held = metadata(fields.get("metadata"))
    host_name = text(fields.get("hostName"), "hostName") or ""
    sid = fields.get("sid")
    country = read_integer(fields.get("countryId"), "countryId", otherwise=dialect.no_number)
    return Instance(
        instance_id=_instance_id(fields, host_name, held, dialect),
        host_name=host_name,
        app=shared_text((app or "").upper()),
        ip_addr=text(fields.get("ipAddr"), "ipAddr") or "",
        sid=DEFAULT_SID if sid is None else text(sid, "sid") or "",
        status=_status(fields.get("status"), "status", Status.UP, dialect),
        overridden_status=_status(_overridden(fields), "overriddenStatus", Status.UNKNOWN, dialect),
        port=_port(fields.get("port"), "port", _PORT, dialect),
        secure_port=_port(fields.get("securePort"), "securePort", _SECURE_PORT, dialect),
        country_id=1 if country is None else country,
        data_center=dialect.data_center(fields.get("dataCenterInfo")),
        lease=_lease(fields.get("leaseInfo"), dialect),
        metadata=shared_metadata(held),
        app_group_name=_upper(text(fields.get("appGroupName"), "appGroupName")),
        home_page_url=text(fields.get("homePageUrl"), "homePageUrl"),
        status_page_url=text(fields.get("statusPageUrl"), "statusPageUrl"),
        health_check_url=text(fields.get("healthCheckUrl"), "healthCheckUrl"),
        secure_health_check_url=text(fields.get("secureHealthCheckUrl"), "secureHealthCheckUrl"),
        vip_address=text(fields.get("vipAddress"), "vipAddress"),
        secure_vip_address=text(fields.get("secureVipAddress"), "secureVipAddress"),
        is_coordinating=_coordinating_flag(fields.get("isCoordinatingDiscoveryServer")),
        last_updated_ms=_moment(fields, "lastUpdatedTimestamp", now_ms, dialect),
        last_dirty_ms=_moment(fields, "lastDirtyTimestamp", now_ms, dialect),
        action=_ACTIONS.get(text(fields.get("actionType"), "actionType") or ""),
        asg_name=text(fields.get("asgName"), "asgName"),
    )


def refuse_unfit(read: Instance, *, plain: bool = False) -> None:
    """Refuse a document that must not be held or shown, whoever sends it (`core.validation`).

    Args:
        read: the parsed document.
        plain: whether it came as JSON in ASCII without escapes, which holds no control character.

    Raises:
        BadDocument: with a sentence for the client.
    """
    wrong = beyond_bounds(read)
    if wrong is None and not plain:
        wrong = unsafe_characters(read)
    if wrong is not None:
        raise refused_document(wrong)


def shown_sid(instance: Instance) -> str | None:
    """The `sid` of a document, `None` where Java leaves it out (`InstanceInfoSerializer`)."""
    return None if instance.sid in _HIDDEN_SIDS else instance.sid


def brief_amazon(metadata: Mapping[str, str]) -> dict[str, str]:
    """Keep what compact documents show of Amazon's metadata (`MiniInstanceInfoMixIn`)."""
    return {key: value for key, value in metadata.items() if key in _BRIEF_AMAZON}


def amazon_of_departure(departed: Instance, metadata: Mapping[str, str]) -> dict[str, str]:
    """Keep what a client needs of Amazon's metadata to forget an instance.

    Its id if it has no other, and its zone: Java's `InstanceRegionChecker` finds by it the region
    from which the instance must go.
    """
    keys = ("availability-zone",) if departed.instance_id else ("instance-id", "availability-zone")
    return {key: metadata[key] for key in keys if key in metadata}


def envelope(
    version: object,
    hashcode: object,
    applications: Iterable[tuple[object, Iterable[object]]],
    read: Callable[[object], Instance],
) -> Envelope:
    """Read applications one instance at a time, so that a bad one does not affect others.

    Raises:
        BadDocument: version, hash or an application's name is an object or an array.
    """
    problems: list[str] = []
    listed: list[tuple[str, list[Instance]]] = []
    for given, documents in applications:
        name = (text(given, "name") or "").upper()
        instances = []
        for document in documents:
            try:
                instances.append(read(document))
            except BadDocument as bad:
                problems.append(f"{name or 'an application'}: {bad}")
        listed.append((name or (instances[0].app if instances else ""), instances))
    return Envelope(
        text(version, "versions__delta") or "",
        text(hashcode, "apps__hashcode") or "",
        listed,
        problems,
    )


def _instance_id(
    fields: Mapping[str, object], host_name: str, metadata: Mapping[str, str], dialect: Dialect
) -> str | None:
    given = text(fields.get("instanceId"), "instanceId")
    if given is not None or not dialect.id_in_metadata:
        return given
    legacy = metadata.get("instanceId")
    if not legacy or legacy.isspace():
        return None
    return legacy if legacy.startswith(host_name) else f"{host_name}:{legacy}"


def _overridden(fields: Mapping[str, object]) -> object:
    if "overriddenstatus" not in fields:
        return fields.get("overriddenStatus")
    spellings = ("overriddenStatus", "overriddenstatus")
    given = [fields[key] for key in fields if key in spellings and fields[key] is not None]
    return given[-1] if given else None


def _status(value: object, where: str, default: Status, dialect: Dialect) -> Status:
    return status(value, where, default=default, fold=dialect.fold_status)


def _upper(given: str | None) -> str | None:
    return None if given is None else given.upper()


def _coordinating_flag(value: object) -> bool:
    return (text(value, "isCoordinatingDiscoveryServer") or "").lower() == "true"


def _moment(fields: Mapping[str, object], where: str, now_ms: int, dialect: Dialect) -> int:
    value = fields.get(where)
    try:
        moment = read_integer(value, where, bound=LONG_MAX, otherwise=dialect.no_moment)
    except BadDocument:
        if dialect.no_moment is not None:
            raise
        return now_ms
    return now_ms if moment is None else moment


def _port(value: object, where: str, default: Port, dialect: Dialect) -> Port:
    if value is None:
        return default
    if type(value) is int:  # Java answers 400; nothing else can be meant
        value = {"$": value}
    if not isinstance(value, dict) or not value.keys() <= {"$", "@enabled"}:
        raise BadDocument(f"{where} is not an object of $ and @enabled")
    number = read_integer(value.get("$"), where, otherwise=dialect.no_number)
    return shared_port(
        default.number if number is None else number,
        enabled=dialect.port_enabled(value.get("@enabled"), default),
    )


def _lease(value: object, dialect: Dialect) -> LeaseInfo:
    if value is None:
        return LeaseInfo()
    if not isinstance(value, dict):
        raise BadDocument("leaseInfo is not an object")

    def number(name: str, bound: int) -> int:
        given = read_integer(value.get(name), name, bound=bound, otherwise=dialect.no_number)
        return given or 0

    interval_s = number("renewalIntervalInSecs", INT_MAX)
    duration_s = number("durationInSecs", INT_MAX)
    return LeaseInfo(
        interval_s if interval_s > 0 else DEFAULT_RENEWAL_INTERVAL_S,
        duration_s if duration_s > 0 else DEFAULT_DURATION_S,
        number("registrationTimestamp", LONG_MAX),
        number("lastRenewalTimestamp", LONG_MAX),
        number("evictionTimestamp", LONG_MAX),
        number("serviceUpTimestamp", LONG_MAX),
    )
