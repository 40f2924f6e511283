"""Annotations `eurekube.io/...` of a pod: one table of their meanings and possible values."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from eureka_operator.core import names
from eureka_operator.core.injection.reasons import (
    APP_NOT_ALLOWED,
    BAD_ANNOTATION,
    CREDENTIALS_IN_ANNOTATION,
    UNKNOWN_ANNOTATION,
    Finding,
    Reason,
)
from eureka_operator.core.injection.status import STATUS
from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import PAUSED_BY_OPERATOR
from eureka_sidecar.core import check, metadata, urls
from eureka_sidecar.core.downward import METADATA
from eureka_sidecar.core.values import display_text, number

PREFIX: Final = f"{names.GROUP}/"
INJECT: Final = f"{PREFIX}inject"
REGISTRY: Final = f"{PREFIX}registry"
"""A label; as an annotation it is a common mistake."""
_APP: Final = re.compile(r"[A-Za-z0-9._-]{1,63}")
_PORT_NAME: Final = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LONGEST_PORT_NAME: Final = 15
_LAST_PORT: Final = 65_535
_REGISTRY_NAME: Final = re.compile(
    r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z]([-a-z0-9]*[a-z0-9])?"
)
_MOST_UNKNOWN: Final = 8
"""The first ones say enough, and each is compared with all that are known."""
_MOST_REGISTRIES: Final = 8
_MOST_INSTANCES: Final = 16
_INSTANCE_FIELDS: Final = frozenset(
    (
        "app", "port", "securePort", "vip", "secureVip", "check", "homeUrl", "statusUrl",
        "healthUrl", "metadata",
    )
)  # fmt: skip
_ONE_INSTANCE: Final = ("port", "secure_port", "vip", "check")
_OTHERS: Final = frozenset((STATUS, names.CONFIG_HASH, names.STATIC_CONFIG, PAUSED_BY_OPERATOR))
"""Keys that are Eurekube's own, not a user's."""

Port = int | str
"""A port by number or by name."""


class SidecarOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod's annotations ask of its sidecar; `None` and empty: the default is used.

    `registry` is one entry for each registry: `NAME`, `NAMESPACE/NAME`, or URLs. Metadata, zone and
    pause are only checked here: the sidecar reads them itself, and sees changes.
    """

    app: str = ""
    port: Port | None = None
    secure_port: Port | None = None
    registry: tuple[str | tuple[str, ...], ...] = ()
    check: str = ""
    vip: str = ""
    drain_s: int | None = None
    renewal_s: int | None = None
    instances: tuple[Object, ...] = ()
    embedded: bool = False


class Annotation(msgspec.Struct, frozen=True):
    """A row of the table, from which docs/injection-reference.md is made.

    `key` has no prefix. `field` is that of `SidecarOptions`, empty: only checked. `read` raises
    `ValueError` with what the value must be. `value` and `meaning` are for people.
    """

    key: str
    field: str
    read: Callable[[str], object]
    value: str
    meaning: str
    reason: Reason = BAD_ANNOTATION


def read(annotations: Mapping[str, str]) -> tuple[SidecarOptions, tuple[Finding, ...]]:
    """The options that can be followed, and findings: values that cannot, and unknown keys."""
    keys = sorted(each for each in annotations if each.startswith(PREFIX))
    unknown = [each for each in keys if _row(each) is None and each not in _OTHERS]
    found = [_unknown(each) for each in unknown[:_MOST_UNKNOWN]]
    values: dict[str, Any] = {}
    for key in keys:
        row = _row(key)
        if row is None:
            continue
        try:
            value = row.read(annotations[key])
        except ValueError as error:
            reason = (
                CREDENTIALS_IN_ANNOTATION if _may_be_secret(row, annotations[key]) else row.reason
            )
            found.append(Finding(reason, f"{key[:80]}: {error}", own=True))
            continue
        if row.field:
            values[row.field] = value
    found.extend(_contradictions(values))
    return SidecarOptions(**values), tuple(found)


def _row(key: str) -> Annotation | None:
    if key.startswith(METADATA):
        name = key.removeprefix(METADATA)
        return Annotation(key, "", lambda text: _metadata(name, text), "", "")
    return _ROWS.get(key)


def _may_be_secret(row: Annotation, text: str) -> bool:
    return "@" in text and row.field in ("registry", "check")


def _unknown(key: str) -> Finding:
    if key == INJECT:
        return Finding(UNKNOWN_ANNOTATION, f"{key} must be a label, not an annotation")
    close = difflib.get_close_matches(key[:80].lower(), _ROWS, n=1, cutoff=0.75)
    nearest = f"; the nearest one is {close[0]}" if close else ""
    return Finding(UNKNOWN_ANNOTATION, f"{display_text(key)}{nearest}")


def _contradictions(values: Mapping[str, Any]) -> Iterator[Finding]:
    if not values.get("instances"):
        return
    for field in _ONE_INSTANCE:
        if field in values:
            key = next(f"{PREFIX}{each.key}" for each in ANNOTATIONS if each.field == field)
            message = f"{key} is of one instance, but {PREFIX}instances lists them: write it there"
            yield Finding(BAD_ANNOTATION, message, own=True)


def _metadata(name: str, text: str) -> None:
    if flaw := metadata.problem(name, text):
        raise ValueError(flaw)


def _app(text: str) -> str:
    if _APP.fullmatch(text):
        return text
    raise ValueError(f"{display_text(text)} is none")


def port(text: str) -> Port:
    """A port as a number or a name.

    Raises:
        ValueError: it is neither; with what it must be.
    """
    found = number(text)
    if found is not None and 0 < found <= _LAST_PORT:
        return found
    if len(text) <= _LONGEST_PORT_NAME and _PORT_NAME.fullmatch(text):
        return text
    raise ValueError(
        f"{display_text(text)} must be a number from 1 to {_LAST_PORT}, or the name of a"
        " container's port"
    )


def _registry(text: str) -> tuple[str | tuple[str, ...], ...]:
    entries = [each.strip() for each in text.split(";") if each.strip()]
    if not 0 < len(entries) <= _MOST_REGISTRIES:
        raise ValueError(
            f"it must name 1 to {_MOST_REGISTRIES} registries, with ; between them: NAME,"
            " NAMESPACE/NAME, or URLs with commas between them"
        )
    return tuple(_one_registry(each) for each in entries)


def _one_registry(text: str) -> str | tuple[str, ...]:
    if "@" not in text and "://" not in text:
        if _REGISTRY_NAME.fullmatch(text):
            return text
        raise ValueError(
            f"{display_text(text)} must be NAME, NAMESPACE/NAME, or a URL with http://"
        )
    given = tuple(each.strip() for each in text.split(",") if each.strip())
    for each in given:
        urls.parse(each)
    return given


def _check(text: str) -> str:
    check.from_url(text, port=1)
    return text


def _seconds(low: int, high: int) -> Callable[[str], int]:
    def read_seconds(text: str) -> int:
        found = number(text)
        if found is None or not low <= found <= high:
            raise ValueError(
                f"{display_text(text)} must be a number of seconds from {low} to {high}"
            )
        return found

    return read_seconds


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read_word(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{display_text(text)} must be {' or '.join(allowed)}")
        return text

    return read_word


def _line(text: str) -> str:
    if not text or not text.isprintable() or len(text.encode()) > metadata.MAX_VALUE_BYTES:
        raise ValueError(f"it must be a text of one line, 1 to {metadata.MAX_VALUE_BYTES} bytes")
    return text


def _instances(text: str) -> tuple[Object, ...]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(found, list) or not 0 < len(found) <= _MOST_INSTANCES:
        raise ValueError(f"it must be a JSON list of 1 to {_MOST_INSTANCES} instances")
    for each in found:
        if not isinstance(each, dict):
            raise ValueError('an instance must be an object, as {"port": "grpc"}')  # noqa: TRY004 - of a document
        if unknown := sorted(each.keys() - _INSTANCE_FIELDS):
            known = ", ".join(sorted(_INSTANCE_FIELDS))
            raise ValueError(f"an instance has no field {display_text(unknown[0])}: it has {known}")
        _check_instance(each)
    return tuple(found)


def _check_instance(entry: Object) -> None:
    """Check what the sidecar's own rules, which come last, would not find."""
    for field in ("port", "securePort"):
        if isinstance(entry.get(field), str):
            port(entry[field])
    if "app" in entry:
        _app(str(entry["app"]))
    if entry.keys().isdisjoint(("port", "securePort")):
        raise ValueError("an instance needs a port, as a number or a name")


ANNOTATIONS: Final = (
    Annotation(
        "app", "app", _app, "`NAME`: 1 to 63 letters, digits and `. _ -`",
        "Name of the application. Default: the pod's label `app.kubernetes.io/name`, else its label"
        " `app`, else the name of what it belongs to (Deployment, StatefulSet, ...).",
        APP_NOT_ALLOWED,
    ),
    Annotation(
        "port", "port", port, "number, or name of a container's port",
        "The port that clients call. Default: that of the readiness probe, else the only one with"
        " the name `http`, `https` or `grpc`, else the only TCP port. One that speaks TLS (the"
        " probe's scheme is `HTTPS`, or its name is `https`) is registered as the secure port.",
    ),
    Annotation(
        "secure-port", "secure_port", port, "number, or name of a container's port",
        "A port with TLS, beside `port` or alone. Default: none.",
    ),
    Annotation(
        "check", "check", _check,
        "`http://:8080/health`, `https://`, `tcp://:8080`, `grpc://:9000/SERVICE`",
        "How the sidecar asks whether the application is ready. Default: its readiness probe, else"
        " whether the port accepts connections.",
    ),
    Annotation(
        "registry", "registry", _registry, "`NAME`, `NAMESPACE/NAME`, `URL,URL`; several with `;`",
        "Where it is registered: an EurekaCluster, or any Eureka server, one of Java, too, by the"
        " base URL (`http://eureka.example:8761/eureka/`). Commas separate servers of one registry,"
        f" semicolons up to {_MOST_REGISTRIES} registries. Default: the EurekaCluster of the"
        " namespace, else the one whose `spec.injection` selects it.",
    ),
    Annotation(
        "vip", "vip", _line, "text of one line",
        "VIP address by which clients look it up. Default: the application's name in lower case.",
    ),
    Annotation(
        "drain-seconds", "drain_s", _seconds(0, 3_600), "0 to 3600",
        "How long the application goes on serving after its lease is removed; at most its grace"
        " period less 10 s. Default: `spec.injection.drain` of the EurekaCluster, else 20, and 60"
        " with a registry by URL.",
    ),
    Annotation(
        "renewal-seconds", "renewal_s", _seconds(1, 3_600), "1 to 3600",
        "Time between renewals; the lease lasts for three of them. Default: `spec.injection.lease`"
        " of the EurekaCluster, else 30, so that a lease lasts for 90 s.",
    ),
    Annotation(
        "instances", "instances", _instances,
        'JSON: `[{"port": "http"}, {"app": "orders-grpc", "port": "grpc"}]`',
        f"Up to {_MOST_INSTANCES} instances of one pod, instead of `port`, `secure-port`, `vip` and"
        f" `check`. Fields: {', '.join(f'`{each}`' for each in sorted(_INSTANCE_FIELDS))}.",
    ),
    Annotation(
        "client", "embedded", lambda text: _one_of("embedded")(text) == "embedded", "`embedded`",
        "The application has an Eureka client and registers itself: no sidecar.",
    ),
    Annotation(
        "paused", "", _one_of("true", "false"), "`true`, `false`",
        "OUT_OF_SERVICE while it is `true`. Acts on running pods.",
    ),
    Annotation(
        "zone", "", lambda text: _metadata("zone", text), "text",
        "Zone in the metadata. Default: the pod's label `topology.kubernetes.io/zone`. Acts on"
        " running pods.",
    ),
)  # fmt: skip
"""All but those of metadata, whose keys are free."""

_ROWS: Final = {f"{PREFIX}{each.key}": each for each in ANNOTATIONS}
