"""Settings from environment variables: our names, Spring's, and Kubernetes' service links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from eureka_registry.config import placeholders
from eureka_registry.config.binding import find, known_names
from eureka_registry.config.documents import json_document
from eureka_registry.config.errors import ConfigurationError, nearest
from eureka_registry.config.layer import Layer
from eureka_registry.config.properties import flat
from eureka_registry.config.table import SETTINGS
from eureka_registry.config.translate import translate, without_lines
from eureka_registry.config.values import convert

_JSON_NAMES: Final = ("SPRING_APPLICATION_JSON", "spring.application.json")
_ACTIVE: Final = "SPRING_PROFILES_ACTIVE"
_LINK_NAME: Final = re.compile(
    r"[A-Z0-9_]+?(_SERVICE_HOST|_SERVICE_PORT(_[A-Z0-9_]+)?"
    r"|_PORT_[0-9]+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)"
)
_LINK_VALUE: Final = re.compile(r"(tcp|udp|sctp)://.*")
_OURS: Final[Mapping[str, str]] = {row.environment: row.name for row in SETTINGS.values()}


def from_environment(environ: Mapping[str, str]) -> Layer:
    """Read the variables that are settings; our own names win over Spring's.

    A variable that is empty counts as not set. Spring's may hold placeholders, which other
    variables fill, as in `EUREKA_INSTANCE_HOSTNAME=${HOSTNAME}.eureka`. What Spring reads from
    `SPRING_APPLICATION_JSON` wins over its variables, as with Spring.

    Raises:
        ConfigurationError: a value is not possible.
    """
    named = {name: environ[name] for name in sorted(environ) if environ[name].strip()}
    links = [name for name, value in named.items() if _is_service_link(name, value)]
    ours = {name: value for name, value in named.items() if name in _OURS}
    spring = {name: value for name, value in named.items() if name not in ours and find(name)}
    for link in links:
        ours.pop(link, None)
        spring.pop(link, None)
    named_json = next((name for name in _JSON_NAMES if name in named), "")
    layer, used = _from_spring(spring, environ, named_json)
    for name, value in ours.items():
        setting = SETTINGS[_OURS[name]]
        layer.values[setting.name] = convert(setting, value, f"environment {name}")
    layer.warnings += _link_warning(links)
    layer.warnings += _unknown(set(named) - set(links) - set(ours) - set(spring) - used)
    return layer


def _is_service_link(name: str, value: str) -> bool:
    """Whether the kubelet made this variable for a Service called `eureka`, `eureka-...` or such.

    Names that are no settings do not matter.
    """
    if name.startswith("EUREKA_") and name not in _OURS and _LINK_NAME.fullmatch(name):
        return True
    return bool(_LINK_VALUE.fullmatch(value)) and _is_of_interest(name) and name.endswith("_PORT")


def _is_of_interest(name: str) -> bool:
    return name.startswith("EUREKA_") or find(name) is not None


def is_of_java(name: str, value: str) -> bool:
    """Whether a Java server would read a variable, as a property or as the name of a file.

    Service links of Kubernetes do not count.
    """
    is_prefixed = name.upper().startswith(("EUREKA_", "SPRING_", "SERVER_", "MANAGEMENT_"))
    known_there = find(name) is not None or name in (*_JSON_NAMES, _ACTIVE)
    return bool(value.strip()) and is_prefixed and known_there and not _is_service_link(name, value)


def _from_spring(
    spring: Mapping[str, str], environ: Mapping[str, str], json_name: str
) -> tuple[Layer, set[str]]:
    """Translate variables, and properties in JSON; returns which others they used."""
    inline = _inline(environ[json_name], f"environment {json_name}") if json_name else {}
    own = {**spring, **inline}

    def lookup(name: str) -> str | None:
        return inline.get(name, environ.get(name))

    def source_of(name: str) -> str:
        return f"environment {json_name}: key {name}" if name in inline else f"environment {name}"

    filled = {name: placeholders.resolve(value, lookup) for name, value in own.items()}
    used = {name for resolved in filled.values() for name in resolved.used}
    translation = translate({name: found.text for name, found in filled.items()}, source_of, used)
    warnings = [*translation.warnings]
    warnings += [f"environment: {line}" for line in without_lines(translation.without)]
    if environ.get(_ACTIVE, "").strip():
        warnings.append(f"environment {_ACTIVE}: not applied, no file with profiles is read here")
    return Layer(translation.values, warnings), used


def _inline(text: str, source: str) -> dict[str, str]:
    """Read `SPRING_APPLICATION_JSON`: properties, nested or with dots."""
    document = json_document(text, source)
    if not isinstance(document, dict):
        raise ConfigurationError(source, "is not a JSON object of properties")
    return dict(flat(document))


def _link_warning(links: Iterable[str]) -> list[str]:
    names = ", ".join(links)
    if not names:
        return []
    advice = "set enableServiceLinks: false in the pod to be rid of them"
    return [f"environment: Kubernetes' service links are ignored ({names}); {advice}"]


def _unknown(names: Iterable[str]) -> list[str]:
    known = [*_OURS, *(_as_variable(name) for name in known_names())]
    return [
        f"environment {name}: unknown, ignored{nearest(name, known)}"
        for name in sorted(names)
        if name.upper().startswith(("EUREKA_", "EUREKA."))
    ]


def _as_variable(name: str) -> str:
    return name.replace(".", "_").replace("-", "_").upper()
