"""All settings: one table for the JSON document and for the flags.

The document is `EUREKA_SIDECAR_CONFIG` or the file of `--config`; flags describe one instance and
registries that share their credentials. A flag wins over the document.
"""

from __future__ import annotations

from .. import jsontext
from ..records import record
from . import check, urls, values
from .configuration import Check, Configuration, Credentials, Instance, Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Document = dict[str, Any]

_ENTRIES = {
    "instances": ("instance", "--app NAME --port PORT"),
    "registries": ("registry", "--registry http://HOST:8761/eureka/"),
}
_CHECKS = frozenset(("check", "readinessProbe"))
_MOST_INSTANCES = 16
_MOST_REGISTRIES = 8


@record
class Setting:
    """A row of the table.

    `section` is `instances`, `registries` or empty; `kind` is number, seconds, or one of
    `values.KINDS`.
    """

    section: str
    field: str
    flag: str
    kind: str
    meaning: str
    value: str = ""
    low: int = 0
    high: int = 0


SETTINGS = (
    Setting("instances", "app", "--app", "name", "name of the application", "NAME"),
    Setting("instances", "port", "--port", "number", "its port", "PORT", 0, 65_535),
    Setting("registries", "urls", "--registry", "texts", "base URL of an Eureka server; several of"
            " one registry with commas, several registries by several flags", "URL"),
    Setting("registries", "zones", "--server-zones", "texts", "zones of the servers, with commas,"
            " in the order of the URLs; a sidecar begins with a server of its own zone, each with"
            " another one; URLs without a zone come last. Default: the order of the URLs",
            "ZONE,ZONE"),
    Setting("instances", "check", "--check", "text", "how its health is asked: http://:8080/health,"
            " https://, tcp://:PORT, grpc://:PORT/SERVICE; default: its port accepts"
            " connections", "URL"),
    Setting("instances", "readinessProbe", "--readiness-probe", "object", "the same, as the"
            " readinessProbe of a container", "JSON"),
    Setting("instances", "id", "--id", "name", "instance id; default HOST:APP:PORT, in a pod"
            " POD.NAMESPACE:APP:PORT", "ID"),
    Setting("instances", "hostName", "--host-name", "name", "host that clients call; default: the"
            " address", "HOST"),
    Setting("instances", "ip", "--ip", "address", "address that clients call; default: the pod's,"
            " else the one from which the registry is reached", "ADDRESS"),
    Setting("instances", "vip", "--vip", "text", "VIP address; default: the name in lower case",
            "NAME"),
    Setting("instances", "securePort", "--secure-port", "number", "port with TLS; default: none",
            "PORT", 0, 65_535),
    Setting("instances", "secureVip", "--secure-vip", "text", "VIP address of the port with TLS",
            "NAME"),
    Setting("instances", "homeUrl", "--home-url", "url", "page shown by dashboards", "URL"),
    Setting("instances", "statusUrl", "--status-url", "url", "status page shown by dashboards",
            "URL"),
    Setting("instances", "healthUrl", "--health-url", "url", "health URL for other programs;"
            " default: that of an http check", "URL"),
    Setting("instances", "metadata", "--metadata", "map", "metadata; may be repeated", "KEY=VALUE"),
    Setting("instances", "renewalSeconds", "--renewal", "seconds", "time between renewals; default"
            " 30", "SECONDS", 1, 3_600),
    Setting("instances", "durationSeconds", "--duration", "seconds", "time after which a lease ends"
            " that is not renewed; default 90, or three renewals", "SECONDS", 2, 86_400),
    Setting("", "zone", "--zone", "text", "zone, as metadata and for look-up", "ZONE"),
    Setting("registries", "caFile", "--ca-file", "text", "authority of https registries; default:"
            " the system's", "FILE"),
    Setting("registries", "certFile", "--cert-file", "text", "our certificate", "FILE"),
    Setting("registries", "keyFile", "--key-file", "text", "its key", "FILE"),
    Setting("registries", "userFile", "--user-file", "text", "user at the registry", "FILE"),
    Setting("registries", "passwordFile", "--password-file", "text", "password", "FILE"),
    Setting("registries", "tokenFile", "--token-file", "text", "bearer token, instead of a user",
            "FILE"),
    Setting("", "annotationsFile", "--annotations-file", "text", "annotations of the pod, by the"
            " downward API", "FILE"),
    Setting("", "labelsFile", "--labels-file", "text", "labels of the pod, by the downward API",
            "FILE"),
    Setting("", "socket", "--socket", "socket", "where status, drain, pause and resume find it: a"
            " path, or @NAME; default @eureka-sidecar", "NAME"),
    Setting("", "listen", "--listen", "text", "address on loopback for look-up and metrics;"
            " default: not served", "HOST:PORT"),
    Setting("", "apps", "--look-up", "names", "application to be looked up from the start; may be"
            " repeated", "NAME"),
    Setting("", "holdSeconds", "--hold", "seconds", "time for which the command runs on after its"
            " lease is removed; default 0", "SECONDS", 0, 3_600),
    Setting("", "graceSeconds", "--grace", "seconds", "time from SIGTERM to the kill, within which"
            " all must end; default 30", "SECONDS", 1, 3_600),
    Setting("", "command", "--", "words", "command that is started, and ends with its sidecar; all"
            " words after -- belong to it", "COMMAND..."),
)  # fmt: skip
_CONFIG = Setting("", "", "--config", "text", "file of all that, as JSON", "FILE")


@record
class Facts:
    """Facts about the sidecar's surroundings; empty: not known."""

    host: str = ""
    ip: str = ""
    pod: str = ""
    namespace: str = ""
    uid: str = ""
    node: str = ""


class Problems(ValueError):  # noqa: N818 - there may be several
    """What is wrong with a configuration: one sentence each."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__("; ".join(sentences))


def from_flags(arguments: Sequence[str]) -> tuple[Document, str]:
    """The flags and `-- COMMAND` as a document, and the file of `--config` (empty: none).

    Raises:
        Problems: a flag is unknown, or lacks its value.
    """
    document: Document = {}
    config = ""
    rest = list(arguments)
    while rest:
        place = len(arguments) - len(rest) + 1
        word = rest.pop(0)
        if word == "--":
            document["command"] = rest
            break
        if not word.startswith("-"):
            # Not repeated: it may be a password.
            what = f"argument {place} is not a flag (eureka-sidecar --help)"
            raise Problems([f"{what}; write -- before a command"])
        flag, sign, value = word.partition("=")
        setting = _setting(flag)
        if not sign:
            if not rest or rest[0].startswith("--"):
                raise Problems([f"{flag} lacks its value: {flag} {setting.value}"])
            value = rest.pop(0)
        if setting is _CONFIG:
            config = value
        else:
            _set(document, setting, value)
    return document, config


def _setting(flag: str) -> Setting:
    for each in (*SETTINGS, _CONFIG):
        if each.flag == flag:
            return each
    raise Problems([f"unknown flag {values.display_text(flag)}: eureka-sidecar --help lists them"])


def _set(document: Document, setting: Setting, value: str) -> None:
    if setting.field == "urls":
        document.setdefault("registries", []).append({"urls": value.split(",")})
        return
    section = document
    if setting.section:
        section = document.setdefault(f"all {setting.section}", {})
    if setting.kind in ("texts", "names"):
        found = value.split(",") if setting.kind == "texts" else [value]
        section.setdefault(setting.field, []).extend(found)
    elif setting.kind == "map":
        key, sign, text = value.partition("=")
        if not sign:
            raise Problems([f"{setting.flag} needs {setting.value}, with '='"])
        section.setdefault(setting.field, {})[key] = text
    elif setting.kind in ("number", "seconds"):
        number = values.number(value)
        section[setting.field] = value if number is None else number
    elif setting.kind == "object":
        section[setting.field] = parse(value, setting.flag)
    else:
        section[setting.field] = value


def parse(text: str, where: str) -> Document:
    """A JSON object.

    Raises:
        Problems: it is none.
    """
    try:
        found = jsontext.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problems([f"{where} is not JSON: {error}"]) from None
    if not isinstance(found, dict):
        raise Problems([f"{where} must be a JSON object"])
    return found


def merge(document: Document, flags: Document) -> Document:
    """A document with the flags merged in; they are for its only instance and all registries.

    Registries of flags take the place of all others, credentials included. Metadata is merged key
    by key.

    Raises:
        Problems: the flags describe an instance, and the document has several.
    """
    result = {**document, **{key: flags[key] for key in flags if not key.startswith("all ")}}
    instance = flags.get("all instances", {})
    instances = result.get("instances") or [{}]
    if instance and isinstance(instances, list) and len(instances) > 1:
        raise Problems(["flags describe one instance, but the configuration has several"])
    shared = flags.get("all registries", {})
    for section, added in (("instances", instance), ("registries", shared)):
        entries = result.get(section) or [{}]
        if added and isinstance(entries, list):
            result[section] = [_with(each, added) for each in entries]
    return result


def _with(entry: object, additions: Document) -> object:
    if not isinstance(entry, dict):
        return entry
    replaced = _CHECKS if _CHECKS & additions.keys() else frozenset()
    result = {key: value for key, value in entry.items() if key not in replaced} | additions
    metadata = entry.get("metadata")
    if isinstance(metadata, dict) and "metadata" in additions:
        result["metadata"] = metadata | additions["metadata"]
    return result


def configuration(document: Document, facts: Facts) -> Configuration:
    """The configuration that a document describes.

    Raises:
        Problems: all that is wrong with it.
    """
    reader = _Reader(facts)
    top = reader.entry(document, "", "").fields
    zone = top.get("zone", "")
    made = Configuration(
        instances=reader.instances(document, zone),
        registries=reader.registries(document),
        command=tuple(top.get("command", ())),
        socket=top.get("socket", Configuration.socket),
        listen=top.get("listen", ""),
        apps=tuple(top.get("apps", ())),
        zone=zone,
        annotations_file=top.get("annotationsFile", ""),
        labels_file=top.get("labelsFile", ""),
        hold_ms=1_000 * top.get("holdSeconds", 0),
        grace_ms=1_000 * top.get("graceSeconds", 30),
    )
    reader.problems += _contradictions(made)
    if reader.problems:
        raise Problems(reader.problems)
    return made


def _contradictions(configuration: Configuration) -> list[str]:
    """What is wrong between values that are right one by one."""
    problems = []
    if configuration.hold_ms and not configuration.command:
        problems.append(
            "--hold is for a command that the sidecar starts: without one, the hold is that of"
            " eureka-sidecar drain"
        )
    if configuration.hold_ms and configuration.hold_ms >= configuration.grace_ms:
        problems.append(
            f"the command cannot be held for {configuration.hold_ms // 1_000} s, since all must"
            " end within"
            f" {configuration.grace_ms // 1_000} s: raise --grace, and the grace period of the pod"
        )
    if configuration.apps and not configuration.listen:
        problems.append("--look-up is served nowhere: --listen 127.0.0.1:8078")
    if len({each.id for each in configuration.instances}) < len(configuration.instances):
        problems.append("two instances have the same id: give each an id of its own")
    servers = [str(urls.parse(url)) for each in configuration.registries for url in each.urls]
    if len(set(servers)) < len(servers):
        problems.append("the same server is named twice: it would get each registration twice")
    return problems


@record
class _Entry:
    """An object of a document: the fields that are right, and the names of all that are given."""

    where: str
    fields: Document
    keys: frozenset[str]

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong with its fields."""
        return len(self.fields) == len(self.keys)


class _Reader:
    """Reads the sections of a document, and collects what is wrong with them."""

    def __init__(self, facts: Facts) -> None:
        self.problems: list[str] = []
        self._facts = facts

    def entry(self, document: Document, section: str, where: str) -> _Entry:
        """An object; `where` it is, for messages."""
        known = {each.field: each for each in SETTINGS if each.section == section}
        sections = () if section else tuple(_ENTRIES)
        right: Document = {}
        for field, value in document.items():
            if field in sections:
                continue
            wrong = _problem(known[field], value) if field in known else _unknown(field)
            if wrong:
                self.problems.append(f"{where}: {wrong}" if where else wrong)
            else:
                right[field] = value
        return _Entry(where, right, frozenset(document).difference(sections))

    def instances(self, document: Document, zone: str) -> tuple[Instance, ...]:
        """All instances with which nothing is wrong."""
        entries = self._entries(document, "instances", _MOST_INSTANCES)
        return tuple(made for each in entries if (made := self._instance(each, zone)))

    def registries(self, document: Document) -> tuple[Registry, ...]:
        """All registries with which nothing is wrong."""
        entries = self._entries(document, "registries", _MOST_REGISTRIES)
        return tuple(made for each in entries if (made := self._registry(each)))

    def _entries(self, document: Document, section: str, most: int) -> list[_Entry]:
        entries = document.get(section, [])
        if not isinstance(entries, list) or len(entries) > most:
            self.problems.append(f"{section} must be a list of at most {most} objects")
            return []
        name, example = _ENTRIES[section]
        if not entries:
            self.problems.append(f"no {name} is named: {example}")
        found = []
        for number, each in enumerate(entries, start=1):
            if isinstance(each, dict):
                found.append(self.entry(each, section, f"{name} {number}"))
            else:
                # Not repeated: it may be a URL with a password.
                self.problems.append(f"{name} {number} must be an object")
        return found

    def _instance(self, entry: _Entry, zone: str) -> Instance | None:
        """An instance; `None` if something is wrong with it."""
        fields, facts = entry.fields, self._facts
        port, secure = fields.get("port", 0), fields.get("securePort", 0)
        wanted_check, note = self._check(entry, port or secure)
        lacking = _instance_problems(entry, facts)
        self.problems += [f"{entry.where}: {each}" for each in lacking]
        if wanted_check is None or lacking or not entry.is_right:
            return None
        name, ip = fields["app"].lower(), fields.get("ip") or facts.ip
        renewal_s = fields.get("renewalSeconds", 30)
        return Instance(
            app=fields["app"],
            id=fields.get("id") or f"{_host(facts)}:{name}:{port or secure}",
            host_name=fields.get("hostName") or ip,
            ip=ip,
            port=port,
            check=wanted_check,
            secure_port=secure,
            vip=fields.get("vip", name if port else ""),
            secure_vip=fields.get("secureVip", name if secure else ""),
            home_url=fields.get("homeUrl", ""),
            status_url=fields.get("statusUrl", ""),
            health_url=fields.get("healthUrl") or _health_url(wanted_check, ip),
            renewal_s=renewal_s,
            duration_s=_duration_s(fields),
            metadata={**_pod_metadata(facts, zone), **fields.get("metadata", {})},
            notes=(note,) if note else (),
        )

    def _check(self, entry: _Entry, port: int) -> tuple[Check | None, str]:
        """The health check, with a note; `None`: something is wrong with it."""
        fields, facts = entry.fields, self._facts
        try:
            if "readinessProbe" in fields:
                host = facts.ip if facts.pod else "127.0.0.1"
                return check.from_probe(fields["readinessProbe"], port, host)
            if "check" in fields:
                return check.from_url(fields["check"], port), ""
        except ValueError as error:
            self.problems.append(f"{entry.where}: {error}")
            return None, ""
        return Check("tcp", port), ""

    def _registry(self, entry: _Entry) -> Registry | None:
        """A registry; `None` if something is wrong with it."""
        fields = entry.fields
        given = [each.strip() for each in fields.get("urls", ()) if each.strip()]
        problems = [wrong for each in given if (wrong := _url_problem(each))]
        if not given and ("urls" in fields or "urls" not in entry.keys):
            problems.append("it has no URL: --registry http://HOST:8761/eureka/")
        zones = tuple(fields.get("zones", ()))
        if len(zones) > len(given):
            problems.append(f"it has {len(zones)} zones for {len(given)} URLs: one for each URL")
        credentials = Credentials(
            ca_file=fields.get("caFile", ""),
            cert_file=fields.get("certFile", ""),
            key_file=fields.get("keyFile", ""),
            user_file=fields.get("userFile", ""),
            password_file=fields.get("passwordFile", ""),
            token_file=fields.get("tokenFile", ""),
        )
        problems += _credential_problems(credentials)
        self.problems += [f"{entry.where}: {each}" for each in problems]
        return (
            None if problems or not entry.is_right else Registry(tuple(given), credentials, zones)
        )


def _instance_problems(entry: _Entry, facts: Facts) -> list[str]:
    """What an instance lacks, or which of its values contradict each other."""
    fields, problems = entry.fields, []
    if "app" not in entry.keys:
        problems.append("it has no name: --app NAME")
    ports = [fields.get(each, 0) for each in ("port", "securePort")]
    wrong_port = (entry.keys - fields.keys()) & {"port", "securePort"}
    if not any(ports) and not wrong_port:
        problems.append("it has no port: --port PORT")
    if "ip" not in entry.keys and not values.is_address(facts.ip):
        problems.append("the address of this machine is not known: --ip ADDRESS")
    if entry.keys >= _CHECKS:
        problems.append("check and readinessProbe are given: leave out one of them")
    renewal_s, duration_s = fields.get("renewalSeconds", 30), _duration_s(fields)
    if duration_s <= 2 * renewal_s:
        problems.append(
            f"a lease of {duration_s} s that is renewed every {renewal_s} s ends when one renewal"
            " fails: it must last for more than two (--duration, --renewal)"
        )
    return problems


def _duration_s(fields: Document) -> int:
    """The duration of a lease; by default it outlasts three failed renewals."""
    duration_s: int = fields.get("durationSeconds", max(90, 3 * fields.get("renewalSeconds", 30)))
    return duration_s


def _url_problem(url: str) -> str:
    try:
        urls.parse(url)
    except ValueError as error:
        return str(error)
    return ""


def _unknown(field: str) -> str:
    return f"there is no setting {values.display_text(field)}: eureka-sidecar --help lists them"


def _problem(setting: Setting, value: object) -> str:
    """What is wrong with the value of a field; empty: nothing."""
    wrong = values.problem(setting.kind, value, setting.low, setting.high)
    return f"{setting.field} ({setting.flag}) {wrong}" if wrong else ""


def _credential_problems(credentials: Credentials) -> list[str]:
    problems = []
    if bool(credentials.user_file) != bool(credentials.password_file):
        problems.append("a user needs a password, and a password a user: name both files")
    if credentials.token_file and credentials.user_file:
        problems.append("a token and a user are given: only one can be shown to the registry")
    if credentials.key_file and not credentials.cert_file:
        problems.append("a key is given without its certificate: name the certificate's file")
    return problems


def _health_url(check: Check, ip: str) -> str:
    """The URL of an http check, as other machines reach it."""
    if check.scheme not in ("http", "https"):
        return ""
    return f"{check.scheme}://{urls.url_host(ip)}:{check.port}{check.path}"


def _host(facts: Facts) -> str:
    return f"{facts.pod}.{facts.namespace}" if facts.pod and facts.namespace else facts.host


def _pod_metadata(facts: Facts, zone: str) -> dict[str, str]:
    known = {
        "pod-name": facts.pod,
        "pod-uid": facts.uid,
        "namespace": facts.namespace,
        "node": facts.node,
        "zone": zone,
    }
    return {key: value for key, value in known.items() if value}
