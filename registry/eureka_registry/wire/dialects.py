"""Differences between Java's two readers: `EurekaJacksonCodec` for JSON, XStream's `Converters`.

`docs/protocol/documents.md` says what each of them takes. The two tables at the end
are the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Final

import msgspec

from eureka_registry.core.model import DataCenter, Port
from eureka_registry.wire.fields import (
    BadDocument,
    display_text,
    flag,
    metadata,
    refused_document,
    text,
)
from eureka_registry.wire.sharing import shared_center

DEFAULT_CLASS: Final = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
AMAZON_CLASS: Final = "com.netflix.appinfo.AmazonInfo"

_DEFAULT_CLASSES: Final = frozenset({DEFAULT_CLASS, "com.netflix.appinfo.MyDataCenterInfo"})
_NAMES: Final = frozenset({"Netflix", "MyOwn"})


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How one of Java's readers differs from the other."""

    data_center: Callable[[object], DataCenter | None]
    port_enabled: Callable[[object, Port], bool]
    fold_status: bool
    """Whether `up` is read as `UP`."""

    no_number: int | None
    """What text in place of a number counts as; `None`: the document is refused."""

    no_moment: int | None
    """What text in place of `lastDirtyTimestamp` counts as; `None`: as not given."""

    app_required: bool
    """Whether a document without `app` is unreadable, rather than one for `validation`."""

    id_in_metadata: bool
    """Whether metadata `instanceId` stands in for a missing id (Spring's `CloudJacksonJson`)."""


def _json_data_center(value: object) -> DataCenter | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadDocument("dataCenterInfo is not an object")
    kind = text(value.get("@class"), "dataCenterInfo.@class")
    if kind == AMAZON_CLASS:
        return _json_amazon(value)
    if kind not in _DEFAULT_CLASSES:
        raise BadDocument(f"dataCenterInfo has no known @class: {display_text(kind)}")
    if _has_more(value, {"@class", "name"}):
        raise BadDocument("dataCenterInfo has more than @class and name")
    name = text(value.get("name"), "dataCenterInfo.name")
    if name == "Amazon":
        # Java takes it; then its writers, and its clients when they read a delta, fail on the cast
        raise refused_document(f"dataCenterInfo called Amazon must be of class {AMAZON_CLASS}")
    if name is not None and name not in _NAMES:
        raise BadDocument(f"dataCenterInfo has an unknown name: {display_text(name)}")
    return shared_center(name or "")


def _json_amazon(value: Mapping[str, object]) -> DataCenter:
    held = value.get("metadata")
    if not isinstance(held, dict) or _has_more(value, {"@class", "name", "metadata"}):
        raise BadDocument("dataCenterInfo of Amazon needs metadata, and nothing more")
    if any(isinstance(given, list | dict) for given in held.values()):
        raise BadDocument("dataCenterInfo.metadata holds more than texts")
    return DataCenter("Amazon", metadata({k: v for k, v in held.items() if v is not None}))


def _has_more(value: Mapping[str, object], keys: Set[str]) -> bool:
    return any(key not in keys and held is not None for key, held in value.items())


def _xml_data_center(value: object) -> DataCenter | None:
    given = value if isinstance(value, dict) else {}
    name = text(given.get("name"), "dataCenterInfo.name")
    if name is None:
        return None
    if name.lower() == "amazon":
        return DataCenter("Amazon", metadata(given.get("metadata")))
    if name not in _NAMES:
        raise BadDocument(f"dataCenterInfo has an unknown name: {display_text(name)}")
    return shared_center(name)


def _json_port_enabled(value: object, default: Port) -> bool:
    return flag(value, "@enabled", default=default.enabled)


def _xml_port_enabled(value: object, default: Port) -> bool:
    word = (text(value, "enabled") or "").strip().lower()
    return word != "false" if default.enabled else word == "true"


JSON: Final = Dialect(
    data_center=_json_data_center,
    port_enabled=_json_port_enabled,
    fold_status=False,
    no_number=0,
    no_moment=0,
    app_required=True,
    id_in_metadata=True,
)

XML: Final = Dialect(
    data_center=_xml_data_center,
    port_enabled=_xml_port_enabled,
    fold_status=True,
    no_number=None,
    no_moment=None,
    app_required=False,
    id_in_metadata=False,
)
