"""The sidecar's report of itself: a document for programs, and the same in sentences."""

from __future__ import annotations

from .document import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .configuration import Instance
    from .health import Health
    from .lease import Lease


def instance(
    instance_settings: Instance, health: Health, leases: Sequence[tuple[str, Lease]], now_ms: int
) -> dict[str, Any]:
    """One instance: its application's health, and what each registry holds of it.

    `leases` are the lease at each registry with the URL of the server that is asked. Times are
    milliseconds before or after now.
    """
    return {
        "app": instance_settings.app,
        "id": instance_settings.id,
        "address": instance_settings.ip,
        "port": instance_settings.port or instance_settings.secure_port,
        "application": {
            "status": health.status,
            "sinceMs": now_ms - health.since_ms,
            "reason": health.reason,
        },
        "notes": list(instance_settings.notes),
        "registries": [_registry(url, lease, now_ms) for url, lease in leases],
    }


def is_held(document: dict[str, Any]) -> bool:
    """Whether every registry holds every instance, as the document says."""
    return all(
        registry["state"] == "registered"
        for each in document["instances"]
        for registry in each["registries"]
    )


def is_settled(document: dict[str, Any]) -> bool:
    """Whether every registry has confirmed all that is wished, such as a pause."""
    return all(
        registry["settled"] for each in document["instances"] for registry in each["registries"]
    )


def is_removed(document: dict[str, Any]) -> bool:
    """Whether no registry holds an instance any more, as the document says."""
    return all(
        registry["state"] == "removed"
        for each in document["instances"]
        for registry in each["registries"]
    )


def sentences(document: dict[str, Any]) -> list[str]:
    """A document as lines for people, who may not know Eureka.

    Raises:
        LookupError, TypeError, ValueError: it is not a document of a sidecar of this version.
    """
    lines = []
    for each in document["instances"]:
        lines.append(f"{each['app']} at {each['address']}:{each['port']}, id {each['id']}")
        lines.append(f"  clients      {_verdict(each, paused=document['paused'])}")
        application = each["application"]
        since = _time(application["sinceMs"])
        lines.append(f"  application  {application['status']} for {since}: {application['reason']}")
        lines += [f"  note         {note}" for note in each["notes"]]
        for registry in each["registries"]:
            first, *more = _registry_lines(registry, paused=document["paused"])
            lines.append(f"  registry     {first}")
            lines += [f"               {line}" for line in more]
    lines += [f"note: {note}" for note in document["notes"]]
    return lines


def _verdict(instance: dict[str, Any], *, paused: bool) -> str:
    """Whether clients call it, and the first reason why not."""
    registries = instance["registries"]
    status = instance["application"]["status"]
    showing = sum(_visible_status(each) == "UP" for each in registries)
    if any(each["state"] in ("removing", "removed") for each in registries):
        return "may still find it: it is being removed" if showing else "do not find it any more"
    if showing == len(registries):
        return (
            "find it" if status == "UP" else "still find it: the registry will be told in a moment"
        )
    if paused:
        return "do not find it: it is paused; eureka-sidecar resume ends that"
    if status != "UP":
        why = "ready yet" if status == "STARTING" else "healthy"
        return f"do not find it: the application is not {why}"
    if showing:
        return f"find it in {showing} of {len(registries)} registries only, for the reasons below"
    return "do not find it: no registry shows it as UP, for the reasons below"


def _visible_status(registry: dict[str, Any]) -> str:
    """The status that clients see; empty: they do not see it."""
    if registry["state"] not in ("registered", "removing") or "status" not in registry:
        return ""
    override = registry.get("override", UNKNOWN)
    return str(registry["status"] if override == UNKNOWN else registry["shown"])


def _registry(url: str, lease: Lease, now_ms: int) -> dict[str, Any]:
    next_ms = lease.wake_ms(now_ms)
    document: dict[str, Any] = {
        "url": url,
        "state": _state(lease),
        "settled": lease.settled,
    }
    if lease.held is not None:
        document["status"] = lease.held.status
        document["sinceMs"] = now_ms - lease.held_since_ms
    if lease.renewed_ms is not None:
        document["renewedMs"] = now_ms - lease.renewed_ms
        document["endsMs"] = lease.renewed_ms + lease.instance.duration_s * 1_000 - now_ms
    if lease.record is not None and lease.held is not None:
        document["shown"] = lease.record.status
        document["override"] = lease.record.overridden
    if lease.problem:
        document["problem"] = {"code": lease.problem.code, "text": lease.problem.text}
    if next_ms is not None:
        document["nextRequestMs"] = max(0, next_ms - now_ms)
    return document


def _state(lease: Lease) -> str:
    if lease.closing:
        return "removed" if lease.finished else "removing"
    if lease.held is None:
        return "registering"
    return "registered"


def _registry_lines(registry: dict[str, Any], *, paused: bool) -> list[str]:
    lines = [f"{registry['url']}  {_registration_text(registry)}"]
    override = registry.get("override", UNKNOWN)
    if override != UNKNOWN:
        if paused:
            why = "the instance is paused"
        elif not registry["settled"]:
            why = "a change is under way"
        else:
            why = "an operator has overridden the status; eureka-sidecar resume lifts that"
        lines.append(f"it shows {registry['shown']}: {why}")
    if "problem" in registry:
        lines.append(f"{registry['problem']['text']} ({registry['problem']['code']})")
        if registry["state"] == "registered":
            lines.append(_end(registry["endsMs"]))
    return lines


def _registration_text(registry: dict[str, Any]) -> str:
    wait = _time(registry["nextRequestMs"]) if "nextRequestMs" in registry else ""
    match registry["state"]:
        case "registered":
            renewed = _time(registry["renewedMs"])
            since = _time(registry["sinceMs"])
            return f"registered as {registry['status']} for {since}, last renewal {renewed} ago"
        case "registering":
            return f"not registered; next attempt in {wait}" if wait else "is being registered"
        case "removing":
            return f"being removed; next attempt in {wait}" if wait else "is being removed"
    return "removed"


def _end(ends_ms: int) -> str:
    """What happens to a registration that cannot be renewed."""
    if ends_ms <= 0:
        return "it was not renewed in time: the registry may have dropped it"
    return f"it is valid for {_time(ends_ms)} more, unless it is renewed"


def _time(milliseconds: int) -> str:
    seconds = milliseconds // 1_000
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
