"""Translates Spring's and Netflix's properties to settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Final

import msgspec

from eureka_registry.config import urls
from eureka_registry.config.binding import Match, compact, find, is_section, suggestion
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.names import MAPPED, Row
from eureka_registry.config.settings import EVERY_NETWORK, Settings
from eureka_registry.config.table import SETTINGS, Kind
from eureka_registry.config.values import SettingValue, convert, number

SourceOf = Callable[[str], str]
"""Says where a property stands, for messages: `file application.yml: key server.port`."""

_UNFILLED: Final = re.compile(r"\$\{[^}]*\}?|@[A-Za-z][\w.-]*@")
_ONLY_SHOWN: Final = frozenset({"app_name", "environment", "datacenter", "region", "zone"})
"""Settings without which a peer works all the same; hosts, ports and URLs it needs as meant."""

_BELOW_EUREKA: Final = ("client.", "instance.", "dashboard.", "server.")
_DEFAULT_ZONE: Final = "defaultZone"
_DEFAULT_KEYS: Final = frozenset({"defaultzone", "default"})
_HOSTS: Final = frozenset({"host", "management_host"})
_ANY_IPV6: Final = frozenset({"::", "[::]"})
_ORDER: Final = {id(row): place for place, row in enumerate(MAPPED)}


class Translation(msgspec.Struct):
    """The meaning of properties here.

    `without` holds the names that have none, by reason.
    """

    values: dict[str, SettingValue] = {}
    warnings: list[str] = []
    without: dict[str, list[str]] = {}


class _Property(msgspec.Struct, frozen=True):
    name: str
    value: str
    source: str
    found: Match

    @property
    def row(self) -> Row:
        return self.found.row


def translate(
    properties: Mapping[str, str], source_of: SourceOf, used_names: Container[str] = ()
) -> Translation:
    """Translate properties whose placeholders are replaced.

    Names outside of the table are skipped. Those that begin with `eureka.`, or would be known with
    it, get a warning with the nearest known name, unless they are in `used_names`: placeholders use
    them. Empty values count as not set, and so do texts that nothing depends on with a placeholder
    that nobody could fill.

    Raises:
        ConfigurationError: a value is not of its setting's type, or another holds such a
            placeholder.
    """
    translation = Translation()
    mapped: list[_Property] = []
    for name, value in properties.items():
        found = find(name)
        if found is None:
            if name not in used_names:
                translation.warnings += _unknown(name, value, source_of(name))
        elif not found.row.setting:
            translation.without.setdefault(found.row.reason, []).append(name)
        elif not value.strip():
            translation.warnings += _blank(source_of(name), found.row)
        else:
            item = _Property(name, value, source_of(name), found)
            mapped += [item] if _is_filled(item, translation.warnings) else []
    mapped.sort(key=lambda item: _ORDER[id(item.row)])
    _translate_singles(mapped, translation)
    _translate_families(mapped, translation)
    return translation


def _blank(source: str, row: Row) -> list[str]:
    """A warning about an empty application name, which is never meant."""
    if row.setting != "app_name":
        return []
    return [f"{source}: is blank, so it counts as not set"]


def _unknown(name: str, value: str, source: str) -> list[str]:
    if not name.lower().startswith("eureka."):
        meant = f"eureka.{name}"
        known_there = name.lower().startswith(_BELOW_EUREKA) and find(meant) is not None
        return [f"{source}: unknown, ignored; did you mean {meant}?"] if known_there else []
    if is_section(name):
        lacking = "has a value of its own, ignored; only keys below it mean something"
        return [f"{source}: {lacking if value.strip() else 'is empty'}"]
    return [f"{source}: unknown, ignored{suggestion(name)}"]


def _is_filled(item: _Property, warnings: list[str]) -> bool:
    """Whether a value has no placeholder left; a text that is only shown may have some.

    Spring leaves such a placeholder as it is. Maven replaces its own when a program is built.
    """
    found = _UNFILLED.search(item.value)
    if found is None or ("://" in item.value and found[0].startswith("@")):
        return True
    why = "Maven fills it in at a build" if found[0].startswith("@") else "nothing fills it in"
    if item.row.setting not in _ONLY_SHOWN:
        raise ConfigurationError(
            item.source,
            f"{found[0]} is not known here: {why}",
            "a value, a variable that is set, or a default: ${NAME:value}",
        )
    warnings.append(f"{item.source}: {found[0]} is not known here ({why}): counts as not set")
    return False


def _translate_singles(properties: Iterable[_Property], translation: Translation) -> None:
    for item in properties:
        if not item.row.family:
            translation.values[item.row.setting] = _single(item)


def _single(item: _Property) -> SettingValue:
    setting = SETTINGS[item.row.setting]
    if item.row.inverted:
        given = convert(setting, item.value, item.source)
        return SettingValue(not given.value, item.source)
    return convert(setting, _raw(item), item.source)


def _raw(item: _Property) -> object:
    setting = SETTINGS[item.row.setting]
    if item.row.scale != 1:
        return _scale(item)
    if setting.kind is Kind.PAIRS:
        return item.value.replace(";", "=")
    if setting.name in _HOSTS and item.value.strip() in _ANY_IPV6:
        return EVERY_NETWORK  # Java's sockets take IPv4 there, too
    if setting.name == "app_name":
        return item.value.upper()  # InstanceInfo.Builder.setAppName
    if setting.name in {"context_path", "dashboard_path"}:
        return item.value.strip().rstrip("/")
    return item.value


def _scale(item: _Property) -> float:
    try:
        return round(number(item.value) * item.row.scale, 6)
    except ValueError as error:
        raise ConfigurationError(item.source, str(error), "a number of milliseconds") from None


def _translate_families(properties: Iterable[_Property], translation: Translation) -> None:
    members: dict[str, list[_Property]] = {}
    for item in properties:
        if item.row.family:
            members.setdefault(item.row.setting, []).append(item)
    for setting in ("remote_regions", "remote_region_applications"):
        if items := members.get(setting):
            raw = {_key(item): item.value for item in items}
            given = convert(SETTINGS[setting], raw, items[0].source)
            translation.values[setting] = given
    _translate_zones(members.get("zone", []), members.get("peers", []), translation)


def _key(item: _Property) -> str:
    """Return the family's key; from an environment variable in lower case, as Spring does."""
    key = item.found.key
    if compact(key) == compact(_DEFAULT_ZONE):
        return _DEFAULT_ZONE
    return key.lower() if key.isupper() else key


def _translate_zones(
    zones: list[_Property], service_urls: list[_Property], translation: Translation
) -> None:
    """Find the peers by way of region and zones, as `EndpointUtils.getServiceUrlsMapFromConfig`.

    The zones of the region (`defaultZone` if it has none) in order, for each its own service URLs
    or else those of `defaultZone`.
    """
    region = translation.values.get("region")
    wanted = compact(str(region.value if region else Settings().region))
    own = next((item for item in zones if compact(item.found.key) == wanted), None)
    names = [name.strip() for name in own.value.split(",")] if own else [_DEFAULT_ZONE]
    if own:
        zone = convert(SETTINGS["zone"], names[0], own.source)
        translation.values["zone"] = translation.values.get("zone", zone)
    if service_urls:
        translation.values["peers"] = _peers(names, service_urls)
        translation.warnings += _zone_warnings(names, service_urls)


def _zone_key(item: _Property) -> str:
    flat = compact(item.found.key)
    return compact(_DEFAULT_ZONE) if flat in _DEFAULT_KEYS else flat


def _peers(zones: list[str], service_urls: list[_Property]) -> SettingValue:
    by_zone = {_zone_key(item): item for item in service_urls}
    fallback = by_zone.get(compact(_DEFAULT_ZONE))
    used = [item for zone in zones if (item := by_zone.get(compact(zone), fallback))]
    peers: dict[str, None] = {}
    for item in used:
        given = convert(SETTINGS["peers"], item.value, item.source)
        if isinstance(given.value, list):
            peers |= dict.fromkeys(given.value)
    return SettingValue(list(peers), (used or service_urls)[0].source)


def _zone_warnings(zones: list[str], service_urls: list[_Property]) -> list[str]:
    known_zones = {compact(zone) for zone in zones} | {compact(_DEFAULT_ZONE)}
    warnings = []
    for item in service_urls:
        key = item.found.key
        if _zone_key(item) not in known_zones:
            warnings.append(
                f"{item.source}: not used, {key} is none of this region's availability-zones "
                f"({', '.join(zones)})"
            )
        elif compact(key) == compact(_DEFAULT_ZONE) and key != _DEFAULT_ZONE and key.islower():
            warnings.append(f"{item.source}: read as {_DEFAULT_ZONE}; Java reads no other spelling")
    return warnings


def without_lines(without: Mapping[str, Iterable[str]]) -> list[str]:
    """Return one line for each reason, with the names that have no meaning here because of it."""
    return [
        f"without meaning here ({reason}): {', '.join(dict.fromkeys(names))}"
        for reason, names in without.items()
    ]


def valid_url(url: str, source: str) -> str:
    """Return a service URL as peers use it.

    Raises:
        ConfigurationError: it is not an http(s) URL with a host.
    """
    if message := urls.problem(url):
        raise ConfigurationError(source, message, "http(s)://host:port/eureka/")
    return urls.service_url(url)
