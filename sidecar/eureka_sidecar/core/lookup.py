"""What the look-up knows of other applications, and what it must fetch next.

It holds only applications that somebody asked for: the whole registry has 4.7 MB for 5,000
instances, and takes 20 MiB while it is parsed. If the registry cannot be reached, the last answer
stays, with its age.
"""

from __future__ import annotations

from .. import jsontext
from ..records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from .pace import Chance

    Kind = Literal["app", "vip", "svip"]

MAX_BODY_BYTES = 1_048_576
"""Of one answer of the registry: about a thousand instances."""
MAX_KEPT_BYTES = 8 * 1_048_576
MAX_NAMES = 100
MAX_NAME = 255
_REFRESH_MS = 30_000
_FIRST_RETRY_MS = 5_000
_FORGET_MS = 600_000
_PATHS = {"app": "apps", "vip": "vips", "svip": "svips"}
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:@$+")


class TooManyNames(Exception):  # noqa: N818 - the request is right, there is no room for it
    """The name is new, and no more are looked up at a time."""


@record
class Want:
    """A fetch to make: `path` is below the registry's base URL."""

    kind: Kind
    name: str
    path: str


@record
class CacheEntry:
    """The registry's answer about a name at `kept_ms`.

    `places` are the instances of a vip or svip that can be called, by zone (empty: none given), as
    they are served. Of an application there is instead `body`, the registry's JSON as it came
    (`None`: it has no such application), and `hosts`: host name and vip of what is UP.
    """

    kept_ms: int
    places: Mapping[str, Sequence[bytes]] = {}
    body: bytes | None = None
    hosts: Sequence[tuple[str, str]] = ()

    def age_s(self, now_ms: int) -> int:
        """Whole seconds since the registry's answer."""
        return max(0, now_ms - self.kept_ms) // 1000

    def size(self) -> int:
        """Bytes of text that it holds."""
        texts = [text for group in self.places.values() for text in group]
        return len(self.body or b"") + sum(len(text) for text in texts)


class _Entry:
    """A name that was asked for. `configured`: it is fetched even if nobody asks."""

    __slots__ = ("asked_ms", "configured", "due_ms", "known", "problem")

    def __init__(self, asked_ms: int, *, configured: bool) -> None:
        self.asked_ms = asked_ms
        self.configured = configured
        self.due_ms = asked_ms
        self.known: CacheEntry | None = None
        self.problem = ""


class Directory:
    """The names that are asked for, and what is known of them.

    The caller makes the fetches of `due`, one after the other, and gives each answer to `take`.
    `apps` are fetched from the start, as applications and as vips, and are never forgotten.

    Raises:
        ValueError: one of `apps` cannot be a name, or there are too many.
    """

    def __init__(self, chance: Chance, apps: Sequence[str] = (), now_ms: int = 0) -> None:
        self._chance = chance
        kinds: tuple[Kind, ...] = ("vip", "app")
        if len(kinds) * len(apps) > MAX_NAMES // 2:
            raise ValueError(
                f"{len(apps)} applications are to be looked up from the start, at most"
                f" {MAX_NAMES // 2 // len(kinds)} can be: leave out those that are asked for later"
            )
        self._entries = {
            (kind, _canonical_name(kind, name)): _Entry(now_ms, configured=True)
            for name in apps
            for kind in kinds
        }

    def ask(self, kind: Kind, name: str, now_ms: int) -> CacheEntry | None:
        """The cached answer; `None`: it must be fetched, or `problem` says why that failed.

        Raises:
            ValueError: no application can have this name.
            TooManyNames: there is no room for it.
        """
        key = (kind, _canonical_name(kind, name))
        if key not in self._entries:
            self._forget(now_ms)
            if len(self._entries) >= MAX_NAMES:
                raise TooManyNames(
                    f"{len(self._entries)} names are looked up already, more are not held: "
                    f"one that nobody asks for is forgotten after {_FORGET_MS // 60_000} minutes"
                )
            self._entries[key] = _Entry(now_ms, configured=False)
        entry = self._entries[key]
        entry.asked_ms = now_ms
        return entry.known

    def problem(self, kind: Kind, name: str) -> str:
        """Why its last fetch failed; empty: it did not fail."""
        entry = self._entries.get((kind, _canonical_name(kind, name)))
        return entry.problem if entry else ""

    def instances(self, name: str, zone: str, *, secure: bool) -> list[bytes]:
        """The instances of a vip that are UP, as JSON objects: those of `zone` first, each once.

        Within a zone and among the others the order is by chance, so that callers which take the
        first one do not all take the same. `secure`: of a svip. `zone` empty: none is preferred.
        """
        entry = self._entries.get(("svip" if secure else "vip", name))
        if entry is None or entry.known is None:
            return []
        same_zone: list[bytes] = []
        other_zones: list[bytes] = []
        for each, group in entry.known.places.items():
            (same_zone if zone and each == zone else other_zones).extend(group)
        return self._shuffle(same_zone) + self._shuffle(other_zones)

    def due(self, now_ms: int) -> Want | int:
        """The next fetch, or the time to look again if nobody asks for something new.

        Names of which nothing is known come first: somebody may wait for them.
        """
        self._forget(now_ms)
        due = [(e.known is not None, e.due_ms, key) for key, e in self._entries.items()]
        late = [each for each in due if each[1] <= now_ms]
        if late:
            kind, name = min(late)[2]
            return Want(kind, name, f"{_PATHS[kind]}/{name}")
        return min((each[1] for each in due), default=now_ms + _REFRESH_MS)

    def take(self, want: Want, status: int, body: bytes, now_ms: int) -> None:
        """Take in the answer to a fetch; status 0: there was none.

        404 means that there is no such application; for vips Eureka does not use it.
        """
        if status == 200:
            self.keep(want.kind, want.name, body, now_ms)
        elif status == 404 and want.kind == "app":
            self.keep(want.kind, want.name, None, now_ms)
        elif status == 0:
            self.miss(want.kind, want.name, "the registry does not answer", now_ms)
        else:
            self.miss(want.kind, want.name, f"the registry answered {status}", now_ms)

    def keep(self, kind: Kind, name: str, body: bytes | None, now_ms: int) -> None:
        """Keep the registry's answer; `None`: it has no such application."""
        entry = self._entries.get((kind, name))
        if entry is None:
            return
        try:
            known = _cache_entry(kind, body, now_ms)
        except (ValueError, RecursionError) as error:
            self.miss(kind, name, f"the registry's answer is not understood: {error}", now_ms)
            return
        others = [e.known.size() for e in self._entries.values() if e.known and e is not entry]
        if known.size() + sum(others) > MAX_KEPT_BYTES:
            self.miss(kind, name, "what is looked up is too large to be held", now_ms)
            return
        entry.known, entry.problem = known, ""
        entry.due_ms = now_ms + self._pause_ms(_REFRESH_MS)

    def miss(self, kind: Kind, name: str, reason: str, now_ms: int) -> None:
        """Note that a fetch failed; what is known stays.

        What is known is fetched again no sooner than otherwise: a registry that comes back meets
        no more requests than it had.
        """
        entry = self._entries.get((kind, name))
        if entry is None:
            return
        entry.problem = reason
        entry.due_ms = now_ms + self._pause_ms(_REFRESH_MS if entry.known else _FIRST_RETRY_MS)

    def _pause_ms(self, mean_ms: int) -> int:
        return round(mean_ms * (0.8 + 0.4 * self._chance()))

    def _shuffle(self, items: list[bytes]) -> list[bytes]:
        for last in range(len(items) - 1, 0, -1):
            other = int(self._chance() * (last + 1))
            items[last], items[other] = items[other], items[last]
        return items

    def _forget(self, now_ms: int) -> None:
        self._entries = {
            key: entry
            for key, entry in self._entries.items()
            if entry.configured or now_ms - entry.asked_ms < _FORGET_MS
        }


def _canonical_name(kind: Kind, name: str) -> str:
    """The name as the registry has it: applications in upper case, vips as they are written."""
    if not name:
        raise ValueError("the name of what is looked up is empty")
    if len(name) > MAX_NAME:
        raise ValueError(f"a name has at most {MAX_NAME} letters, this one {len(name)}")
    if not _LETTERS.issuperset(name) or not name.strip("."):
        raise ValueError(f"{name!a} cannot be a name: it is of letters, digits and -._~:@$+")
    return name.upper() if kind == "app" else name


def _cache_entry(kind: Kind, body: bytes | None, now_ms: int) -> CacheEntry:
    if body is None:
        return CacheEntry(now_ms)
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"it has more than {MAX_BODY_BYTES} bytes")
    up = [each for each in _instances(kind, body) if each.get("status") == "UP"]
    if kind == "app":
        hosts = [(_text(each, "hostName"), _text(each, "vipAddress")) for each in up]
        return CacheEntry(now_ms, body=body, hosts=tuple(hosts))
    places: dict[str, list[bytes]] = {}
    for instance in up:
        place = _place(instance, secure=kind == "svip")
        if place["port"]:
            text = jsontext.dumps(place).encode()
            places.setdefault(place["zone"], []).append(text)
    return CacheEntry(now_ms, {zone: tuple(texts) for zone, texts in places.items()})


def _instances(kind: Kind, body: bytes) -> list[dict[str, Any]]:
    parent = jsontext.loads(body)
    if kind != "app" and isinstance(parent, dict):
        parent = parent.get("applications")
    applications = _objects(parent, "application")
    return [each for application in applications for each in _objects(application, "instance")]


def _objects(parent: object, key: str) -> list[dict[str, Any]]:
    """Objects below a key: old servers write one alone where others write an array of one."""
    children = parent.get(key) if isinstance(parent, dict) else None
    children = [children] if isinstance(children, dict) else children
    if not isinstance(children, list) or not all(isinstance(each, dict) for each in children):
        raise ValueError(f"it has no {key!r} with an object in it, or an array of them")
    return children


def _place(instance: dict[str, Any], *, secure: bool) -> dict[str, Any]:
    """An instance as it is served; its port is 0 if it cannot be called.

    Without `secure` the plain port counts, and the secure one only if there is no other. A URL of
    https has the host name, as Java's clients use it: certificates seldom name addresses.
    """
    port = 0 if secure else _port(instance.get("port"), default="true")
    secure_port = _port(instance.get("securePort"), default="false")
    is_secure = not port and secure_port > 0
    host_name = _text(instance, "hostName")
    host = _text(instance, "ipAddr") or host_name
    metadata = _metadata(instance.get("metadata"))
    url_host = (host_name or host) if is_secure else host
    url_host = f"[{url_host}]" if ":" in url_host else url_host
    return {
        "instanceId": _text(instance, "instanceId") or host_name,
        "app": _text(instance, "app"),
        "host": host,
        "hostName": host_name,
        "port": port or secure_port,
        "secure": is_secure,
        "zone": metadata.get("zone", ""),
        "metadata": metadata,
        "url": f"{'https' if is_secure else 'http'}://{url_host}:{port or secure_port}/",
    }


def _port(value: object, default: str) -> int:
    """The number, 0 if disabled. Servers write numbers and truth as such or as text."""
    if not isinstance(value, dict) or str(value.get("@enabled", default)).lower() != "true":
        return 0
    try:
        number = int(value.get("$", 0))
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if 0 < number < 65536 else 0


def _metadata(value: object) -> dict[str, str]:
    """The metadata without `@class`, by which Java marks an empty map."""
    if not isinstance(value, dict):
        return {}
    return {key: each for key, each in value.items() if isinstance(each, str) and key != "@class"}


def _text(instance: dict[str, Any], key: str) -> str:
    value = instance.get(key)
    return value if isinstance(value, str) else ""
