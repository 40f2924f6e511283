"""One request sent to a server, and what of its answer can be compared with another server's."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree as ET

BORN_BY_CLOCK: Final = frozenset(
    {
        "lastUpdatedTimestamp",
        "registrationTimestamp",
        "lastRenewalTimestamp",
        "serviceUpTimestamp",
        "evictionTimestamp",
        "lastDirtyTimestamp",
    }
)
"""Fields that hold a server's clock; what a case gave itself is kept (`_moment`)."""

_RECENT_MS: Final = 1_750_000_000_000
"""Cases give moments before this one, so later ones are a server's own."""

_PATIENCE_S: Final = 20.0


class Answer(NamedTuple):
    """An answer made comparable: of an error only the status and what kind of text it has."""

    status: int
    kind: str
    """Media type of a body, empty if there is none or the answer is an error."""
    content: Any
    """The document with lists in order and without clocks; the text itself of an error."""


def send(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request below `/eureka` of a server on this machine; an empty header is left out."""
    given = {"Accept": "application/json", **(headers or {})}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        sent = {name: text for name, text in given.items() if text}
        connection.request(method, f"/eureka{path}", body=body, headers=sent)
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    if response.status >= 300:
        return Answer(response.status, "", text.decode(errors="replace"))
    if response.getheader("Content-Encoding") == "gzip":
        text = gzip.decompress(text)
    kind = (response.getheader("Content-Type") or "").partition(";")[0] if text else ""
    return Answer(response.status, kind, _document(text, kind) if text else None)


def _document(body: bytes, kind: str) -> Any:  # noqa: ANN401 - JSON, or XML as nested lists
    if "json" in kind:
        return comparable(json.loads(body))
    return _element(ET.fromstring(body))  # noqa: S314 - servers we started


def of_applications(answer: Answer, names: Collection[str]) -> Answer:
    """An answer without what others left in the delta; of an error the status alone."""
    content = answer.content
    if answer.status >= 300:
        return answer._replace(content=None)
    if isinstance(content, dict) and "applications" in content:
        listed = content["applications"]["application"]
        kept = [each for each in listed if each["name"] in names]
        content = {"applications": {**content["applications"], "application": kept}}
    elif isinstance(content, list) and content[0] == "applications":
        content = [*content[:3], [each for each in content[3] if _belongs(each, names)]]
    return answer._replace(content=content)


def _belongs(element: list[Any], names: Collection[str]) -> bool:
    """Whether an XML element is no application, or one of these."""
    name = next((child[2] for child in element[3] if child[0] == "name"), None)
    return element[0] != "application" or name in names


def comparable(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A JSON document with lists in a fixed order and without clocks and counters."""
    if isinstance(value, list):
        return sorted((comparable(each) for each in value), key=_order)
    if not isinstance(value, dict):
        return value
    return {name: _member(name, each) for name, each in value.items()}


def _member(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if name in BORN_BY_CLOCK:
        return _moment(value)
    if name == "versions__delta":
        return "-1" if str(value) == "-1" else "a version"
    if name == "responseList":  # the order is what it says
        return [comparable(each) for each in value]
    return comparable(value)


def _moment(value: object) -> object:
    """A moment given by a case as it is; a server's own by its type."""
    text = str(value)
    is_recent = text.isdigit() and int(text) >= _RECENT_MS
    return f"now, as {type(value).__name__}" if is_recent else value


def _order(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _element(node: ET.Element) -> list[Any]:
    text = (node.text or "").strip()
    if node.tag in BORN_BY_CLOCK and text:
        text = str(_moment(text))
    if node.tag == "versions__delta":
        text = "-1" if text == "-1" else "a version"
    children = sorted((_element(child) for child in node), key=_order)
    return [node.tag, dict(node.attrib), text, children]
