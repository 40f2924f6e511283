"""The written cases: read from `cases.yaml`, sent to a server, held against what they expect."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any, Final
from urllib.parse import quote

import msgspec
import yaml

from conformance.oracle.servers import Answer, comparable, send
from processes.cluster import DEFAULT_CLASS

DIRTY: Final = 1_700_000_000_000
"""`D` of `docs/protocol/cases.md`."""

_HERE: Final = Path(__file__).parent
_VERBS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE")


class Expected(msgspec.Struct, frozen=True):
    """What an answer must be: a status, and perhaps its text or a part of its document."""

    status: int
    text: str | None = None


class Step(msgspec.Struct, frozen=True):
    """One request of a case and what is expected of each server; `why` names a difference."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    java: Expected
    ours: Expected
    has: Any = None
    why: str | None = None
    unlike: bool = False
    """Whether the documents differ, too, for the reason given."""


class Case(msgspec.Struct, frozen=True):
    """A numbered case of `docs/protocol/cases.md`, with names that no other case uses."""

    number: str
    says: str
    steps: tuple[Step, ...]

    @property
    def applications(self) -> frozenset[str]:
        """The applications it uses."""
        return frozenset({f"C{self.number}", f"B{self.number}"})

    @property
    def differences(self) -> frozenset[str]:
        """Names of the intended differences it shows."""
        return frozenset(step.why for step in self.steps if step.why)


class Difference(msgspec.Struct, frozen=True):
    """An intended difference, and the settings that bring Java's way back, if there are any."""

    reason: str
    setting: dict[str, Any] = {}


def differences() -> dict[str, Difference]:
    """The intended differences by name."""
    text = (_HERE / "differences.yaml").read_text()
    return msgspec.convert(yaml.safe_load(text), dict[str, Difference])


def cases() -> list[Case]:
    """All written cases in their order."""
    written = yaml.safe_load((_HERE / "cases.yaml").read_text())
    return [_case(str(number), each) for number, each in written.items()]


def play(case: Case, port: int) -> Iterator[tuple[Step, Answer]]:
    """Send a case's requests to a server one by one, and give each with its answer."""
    for step in case.steps:
        yield step, send(port, step.method, step.path, step.body, step.headers)


def clear(port: int) -> None:
    """Cancel everything, so that the next case begins with an empty registry."""
    listed = send(port, "GET", "/apps").content["applications"]["application"]
    for application in listed:
        for each in application["instance"]:
            name = each.get("instanceId") or _fallback(each)
            send(port, "DELETE", f"/apps/{application['name']}/{quote(name, safe=':')}")


def missing(part: Any, whole: Any) -> str | None:  # noqa: ANN401 - JSON
    """Where a document lacks what is written of it, `None` if it has it all.

    Objects may hold more than is written, `null` says that a key is not there; lists are exact.
    """
    if isinstance(part, dict):
        if not isinstance(whole, dict):
            return f"is {whole!r}, not an object"
        for name, wanted in part.items():
            if wanted is None and name in whole:
                return f"has {name}"
            wrong = None if wanted is None else missing(wanted, whole.get(name))
            if wrong is not None:
                return f"{name}: {wrong}"
        return None
    if isinstance(part, list) and isinstance(whole, list) and len(part) == len(whole):
        found = (missing(one, other) for one, other in zip(part, whole, strict=True))
        return next((wrong for wrong in found if wrong is not None), None)
    return None if part == whole else f"is {whole!r}, not {part!r}"


def _fallback(instance: Mapping[str, Any]) -> str:
    metadata = instance["dataCenterInfo"].get("metadata", {})
    return str(metadata.get("instance-id") or instance["hostName"])


def _case(number: str, written: Mapping[str, Any]) -> Case:
    names = {"A": f"C{number}", "a": f"c{number}", "B": f"B{number}", "i": f"i{number}"}
    steps = tuple(_step(each, names) for each in written["steps"])
    return Case(number, written["says"], steps)


def _step(written: Mapping[str, Any], names: Mapping[str, str]) -> Step:
    filled = _filled(written, {**names, "D": str(DIRTY), "later": str(DIRTY + 1000)})
    method, path, body, headers = _request(filled, names)
    wanted = filled["is"]
    per_server = wanted if isinstance(wanted, dict) else {"java": wanted, "ours": wanted}
    return Step(
        method,
        path,
        body,
        {**headers, **filled.get("headers", {})},
        _expected(per_server["java"]),
        _expected(per_server["ours"]),
        comparable(filled.get("has")),
        filled.get("why"),
        bool(filled.get("unlike")),
    )


def _request(
    written: Mapping[str, Any], names: Mapping[str, str]
) -> tuple[str, str, bytes | None, dict[str, str]]:
    json_type = {"Content-Type": "application/json"}
    if "reg" in written:
        body = json.dumps({"instance": _instance(written["reg"] or {}, names)}).encode()
        return "POST", written.get("to", f"/apps/{names['A']}"), body, json_type
    if "batch" in written:
        items = [_item(each, names) for each in written["batch"]]
        body = json.dumps({"replicationList": items}).encode()
        return "POST", written.get("to", "/peerreplication/batch/"), body, json_type
    verb = next(verb for verb in _VERBS if verb in written)
    if "body" not in written:
        return verb, written[verb], None, {}
    return verb, written[verb], written["body"].encode(), json_type


def _instance(changes: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """`reg(app,id[,k=v…])`: a full document with changes; one that is `absent` is left out."""
    given = {
        "instanceId": names["i"],
        "hostName": f"h-{names['i']}",
        "app": names["A"],
        "ipAddr": "10.0.0.1",
        "status": "UP",
        "port": {"$": 8080, "@enabled": "true"},
        "securePort": {"$": 443, "@enabled": "false"},
        "dataCenterInfo": {"@class": DEFAULT_CLASS, "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
        "lastDirtyTimestamp": DIRTY,
        **changes,
    }
    return {name: value for name, value in given.items() if value != "absent"}


def _item(written: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """An item of a batch: `Register` with changes of a document, or an action with its fields."""
    given = dict(written)
    if "Register" in given:
        document = _instance(given.pop("Register") or {}, names)
        item = {"instanceInfo": document, "status": document["status"], "action": "Register"}
        return {
            "appName": names["A"],
            "id": names["i"],
            "lastDirtyTimestamp": DIRTY,
            **item,
            **given,
        }
    item = {"appName": names["A"], "id": names["i"], **given}
    return {name: value for name, value in item.items() if value != "absent"}


def _expected(written: object) -> Expected:
    if isinstance(written, int):
        return Expected(written)
    status, _, text = str(written).partition(" ")
    return Expected(int(status), text)


def _filled(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - YAML
    """Put the case's own names in for `$A`, `$a`, `$B`, `$i`, and moments for `$D`, `$later`."""
    if isinstance(value, str):
        return Template(value).safe_substitute(names)
    if isinstance(value, list):
        return [_filled(each, names) for each in value]
    if isinstance(value, dict):
        return {_filled(name, names): _filled(each, names) for name, each in value.items()}
    return value
