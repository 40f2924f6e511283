from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_sidecar.core import settings
from eureka_sidecar.core.configuration import Check, Configuration, Credentials, Instance, Registry
from eureka_sidecar.core.settings import SETTINGS, Facts, Problems, Setting

HOST = Facts(host="box", ip="192.0.2.7")
POD = Facts("orders-1", "10.0.0.5", "orders-1", "shop", "uid-1", "node-1")
URL = "http://eureka:8761/eureka/"
LEAST = ("--app", "orders", "--port", "8080", "--registry", URL)
"""What nobody can leave out."""


def read(*flags: str, document: dict[str, Any] | None = None, facts: Facts = HOST) -> Configuration:
    """The configuration of flags on top of a document."""
    said, _ = settings.from_flags(flags)
    return settings.configuration(settings.merge(document or {}, said), facts)


def problems(*flags: str, document: dict[str, Any] | None = None) -> tuple[str, ...]:
    """What is wrong with them; each is a sentence of bearable length."""
    with pytest.raises(Problems) as caught:
        read(*flags, document=document)
    assert all(len(each) < 400 for each in caught.value.sentences)
    return caught.value.sentences


def with_instance(**fields: object) -> dict[str, Any]:
    """A document that is right but for these fields of its instance."""
    instance = {"app": "orders", "port": 8080, **fields}
    return {"instances": [instance], "registries": [{"urls": [URL]}]}


def with_registry(**fields: object) -> dict[str, Any]:
    """A document that is right but for these fields of its registry."""
    return {**with_instance(), "registries": [{"urls": [URL], **fields}]}


def with_top(**fields: object) -> dict[str, Any]:
    """A document that is right but for these fields."""
    return {**with_instance(), **fields}


def test_least_that_can_be_said_is_enough() -> None:
    """The quickest way into Eureka is a line that can be remembered."""
    assert read(*LEAST) == Configuration(
        instances=(
            Instance(
                app="orders",
                id="box:orders:8080",
                host_name="192.0.2.7",
                ip="192.0.2.7",
                port=8080,
                check=Check("tcp", 8080),
                vip="orders",
            ),
        ),
        registries=(Registry((URL,)),),
    )


def test_pod_gives_the_id_and_metadata() -> None:
    """Pods of a StatefulSet come back under their id; others never collide."""
    (instance,) = read(*LEAST, "--zone", "a", facts=POD).instances

    assert instance.id == "orders-1.shop:orders:8080"
    assert instance.metadata == {
        "pod-name": "orders-1",
        "pod-uid": "uid-1",
        "namespace": "shop",
        "node": "node-1",
        "zone": "a",
    }


FULL: dict[str, Any] = {
    "instances": [
        {
            "app": "Orders",
            "port": 8080,
            "check": "https://:8443/health",
            "id": "orders-1",
            "hostName": "orders.example",
            "ip": "10.0.0.9",
            "vip": "orders,orders-v2",
            "securePort": 8443,
            "secureVip": "orders-tls",
            "homeUrl": "https://orders.example/",
            "statusUrl": "https://orders.example/info",
            "healthUrl": "https://orders.example/health",
            "metadata": {"version": "2", "a.b": "=, ü"},
            "renewalSeconds": 10,
            "durationSeconds": 31,
        }
    ],
    "registries": [
        {
            "urls": ["https://a:8761/eureka/", "https://b:8761/eureka/"],
            "zones": ["", "a"],
            "caFile": "/ca",
            "certFile": "/cert",
            "keyFile": "/key",
            "userFile": "/user",
            "passwordFile": "/password",
        }
    ],
    "zone": "a",
    "annotationsFile": "/annotations",
    "labelsFile": "/labels",
    "socket": "/run/sidecar.sock",
    "listen": "127.0.0.1:8078",
    "apps": ["stock", "bills"],
    "holdSeconds": 5,
    "graceSeconds": 40,
    "command": ["./orders", "--app", "x"],
}
FULL_FLAGS = (
    *("--app", "Orders", "--port", "8080", "--check", "https://:8443/health", "--id", "orders-1"),
    *("--host-name", "orders.example", "--ip=10.0.0.9", "--vip", "orders,orders-v2"),
    *("--secure-port", "8443", "--secure-vip", "orders-tls"),
    *("--home-url", "https://orders.example/", "--status-url", "https://orders.example/info"),
    *("--health-url", "https://orders.example/health"),
    *("--metadata", "version=2", "--metadata=a.b==, ü", "--renewal", "10", "--duration", "31"),
    *("--registry", "https://a:8761/eureka/, https://b:8761/eureka/,"),
    *("--server-zones", ",a"),
    *("--ca-file", "/ca", "--cert-file", "/cert", "--key-file", "/key"),
    *("--user-file", "/user", "--password-file", "/password", "--zone", "a"),
    *("--annotations-file", "/annotations", "--labels-file", "/labels"),
    *("--socket", "/run/sidecar.sock", "--listen", "127.0.0.1:8078"),
    *("--look-up", "stock", "--look-up", "bills", "--hold", "5", "--grace", "40"),
    *("--", "./orders", "--app", "x"),
)


def test_every_setting_reaches_the_configuration() -> None:
    """A row of the table that nothing reads would be accepted, and do nothing."""
    assert read(document=FULL) == Configuration(
        instances=(
            Instance(
                app="Orders",
                id="orders-1",
                host_name="orders.example",
                ip="10.0.0.9",
                port=8080,
                check=Check("https", 8443, path="/health"),
                secure_port=8443,
                vip="orders,orders-v2",
                secure_vip="orders-tls",
                home_url="https://orders.example/",
                status_url="https://orders.example/info",
                health_url="https://orders.example/health",
                renewal_s=10,
                duration_s=31,
                metadata={"zone": "a", "version": "2", "a.b": "=, ü"},
            ),
        ),
        registries=(
            Registry(
                ("https://a:8761/eureka/", "https://b:8761/eureka/"),
                Credentials("/ca", "/cert", "/key", "/user", "/password"),
                ("", "a"),
            ),
        ),
        command=("./orders", "--app", "x"),
        socket="/run/sidecar.sock",
        listen="127.0.0.1:8078",
        apps=("stock", "bills"),
        zone="a",
        annotations_file="/annotations",
        labels_file="/labels",
        hold_ms=5_000,
        grace_ms=40_000,
    )
    told = {*FULL, *FULL["instances"][0], *FULL["registries"][0], "readinessProbe", "tokenFile"}
    assert {each.field for each in SETTINGS} == told - {"instances", "registries"}


def test_flags_say_the_same_as_the_document() -> None:
    """One table for both: nothing can be said in one way only."""
    assert read(*FULL_FLAGS) == read(document=FULL)


def test_flag_and_field_are_named_once() -> None:
    """The first of two would win in silence."""
    flags = [each.flag for each in SETTINGS]
    fields = [(each.section, each.field) for each in SETTINGS]

    assert len(set(flags)) == len(flags)
    assert len(set(fields)) == len(fields)


NAMES = st.text("abcXYZ019-._:", min_size=1, max_size=20).filter(lambda name: name.strip("."))
LINES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=40)
PATHS = LINES.map(lambda text: f"/{text}")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": NAMES,
    "text": LINES,
    "address": st.ip_addresses().map(str),
    "url": LINES.map(lambda text: "http://h/" + "".join(c for c in text if c not in "@\"'<>")),
    "socket": PATHS,
    "texts": st.lists(st.text("abc-", max_size=9), min_size=1, max_size=2),
    "names": st.lists(NAMES.map(lambda name: name.replace(" ", "")), min_size=1, max_size=5),
    "words": st.lists(LINES.filter(bool), min_size=1, max_size=5),
    "map": st.dictionaries(st.text("abc", min_size=1, max_size=9), LINES, min_size=1, max_size=5),
}
SPECIAL = {"urls", "check", "readinessProbe", "app", "port", "holdSeconds", "apps", "command"}


def values(setting: Setting) -> st.SearchStrategy[Any]:
    """Values that a setting may have."""
    if setting.kind in ("number", "seconds"):
        return st.integers(setting.low, setting.high)
    return VALUES[setting.kind]


def section(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the settings of a section."""
    rows = [each for each in SETTINGS if each.section == name and each.field not in SPECIAL]
    return st.fixed_dictionaries({}, optional={each.field: values(each) for each in rows})


def flags_of(document: dict[str, Any]) -> list[str]:
    """The flags that say what a document says."""
    by_field = {(each.section, each.field): each for each in SETTINGS}
    sections = {"": document, "instances": document["instances"][0]}
    sections["registries"] = document["registries"][0]
    found = []
    for name, fields in sections.items():
        for field, value in fields.items():
            if name or field not in ("instances", "registries", "command"):
                found += _flag(by_field[name, field], value)
    return [*found, "--", *document["command"]]


def _flag(setting: Setting, value: Any) -> list[str]:  # noqa: ANN401 - of any kind
    match setting.kind:
        case "texts":
            return [f"{setting.flag}={','.join(value)}"]
        case "names":
            return [f"{setting.flag}={each}" for each in value]
        case "map":
            return [f"{setting.flag}={key}={text}" for key, text in value.items()]
        case "object":
            return [f"{setting.flag}={json.dumps(value)}"]
    return [f"{setting.flag}={value}"]


@given(section("instances"), section("registries"), section(""), VALUES["words"], VALUES["names"])
def test_any_document_can_be_written_as_flags(
    instance: dict[str, Any],
    registry: dict[str, Any],
    top: dict[str, Any],
    command: list[str],
    apps: list[str],
) -> None:
    """And if it is wrong, the same sentences say why."""
    document = {
        "instances": [{"app": "orders", "port": 1, "readinessProbe": {"grpc": {"port": 1}}}],
        "registries": [{"urls": [URL, "http://b/"], **registry}],
        "listen": "127.0.0.1:1",
        "apps": apps,
        "command": command,
        **top,
    }
    document["instances"][0] |= instance

    def result(*flags: str, document: dict[str, Any] | None = None) -> object:
        try:
            return read(*flags, document=document)
        except Problems as found:
            return sorted(found.sentences)

    assert result(*flags_of(document)) == result(document=document)


def test_flag_wins_over_the_document() -> None:
    """An image has its file, and who runs it adds to it."""
    flags = ("--port", "9090", "--metadata", "b=2", "--zone", "b", "--check", "tcp://:1")
    document = with_top(zone="a")
    document["instances"][0] |= {"metadata": {"a": "1", "b": "1"}, "vip": "shop"}
    document["instances"][0]["readinessProbe"] = {"grpc": {"port": 1}}
    found = read(*flags, document=document)
    (instance,) = found.instances

    assert (instance.port, instance.vip, found.zone) == (9090, "shop", "b")
    assert instance.metadata == {"zone": "b", "a": "1", "b": "2"}
    assert instance.check == Check("tcp", 1)


def test_registry_flag_takes_the_place_of_all_registries_and_their_credentials() -> None:
    """A token of one registry must not be shown to another."""
    document = with_registry(tokenFile="/token")
    found = read("--registry", "http://b/", "--registry", "http://c/", document=document)

    assert found.registries == (Registry(("http://b/",)), Registry(("http://c/",)))


def test_credential_flags_are_for_all_registries() -> None:
    """There is no way to say for which."""
    flags = ("--registry", "http://b/", "--token-file", "/token", "--registry", "http://c/")
    registries = read("--app", "a", "--port", "1", *flags).registries

    assert [each.credentials.token_file for each in registries] == ["/token", "/token"]


def test_flags_cannot_choose_between_several_instances() -> None:
    """Which of them would be a guess."""
    two = {"instances": [{"app": "a", "port": 1}, {"app": "b", "port": 2}]}

    assert problems("--zone", "a", "--registry", URL, "--vip", "x", document=two) == (
        "flags describe one instance, but the configuration has several",
    )
    assert len(read("--zone", "a", "--registry", URL, document=two).instances) == 2


def test_words_after_the_dashes_belong_to_the_command() -> None:
    """Its flags are its own."""
    found = read(*LEAST, "--", "sh", "-c", "a\nb", "--", "--app", "")

    assert found.command == ("sh", "-c", "a\nb", "--", "--app", "")
    assert found.instances[0].app == "orders"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--app",), "--app lacks its value: --app NAME"),
        ((*LEAST, "--zone"), "--zone lacks its value: --zone ZONE"),
        (("--zone", "--", "./orders"), "--zone lacks its value: --zone ZONE"),
        (("--app", "--port", "80"), "--app lacks its value: --app NAME"),
        (("--config",), "--config lacks its value: --config FILE"),
        (("--apps", "a"), "unknown flag '--apps': eureka-sidecar --help lists them"),
        (("-a",), "unknown flag '-a': eureka-sidecar --help lists them"),
        (("--password=secret",), "unknown flag '--password': eureka-sidecar --help lists them"),
        ((*LEAST, "secret"), ("argument 7 is not a flag (eureka-sidecar --help); write --"
         " before a command")),
        (("--metadata", "secret"), "--metadata needs KEY=VALUE, with '='"),
        (("--readiness-probe", ""), "--readiness-probe is not JSON: no value at character 0"),
        (("--readiness-probe", "[]"), "--readiness-probe must be a JSON object"),
        ((*LEAST, "--"), "command (--) must be a command: a list of 1 to 1024 texts"),
        ((*LEAST, "--", ""), ("command (--) must be a command: a list of texts, the first the"
         " program")),
        ((*LEAST, "--port", "80a"), ("instance 1: port (--port) must be a number from 0 to 65535,"
         " not '80a'")),
        ((*LEAST, "--port", "²"), ("instance 1: port (--port) must be a number from 0 to 65535,"
         r" not '\xb2'")),
        ((*LEAST, "--port", "-1"), ("instance 1: port (--port) must be a number from 0 to 65535,"
         " not '-1'")),
        ((*LEAST, "--renewal", ""), ("instance 1: renewalSeconds (--renewal) must be a number from"
         " 1 to 3600, not ''")),
        (LEAST[:4], "no registry is named: --registry http://HOST:8761/eureka/"),
        (LEAST[4:], "no instance is named: --app NAME --port PORT"),
        (("--app", "a", *LEAST[4:]), "instance 1: it has no port: --port PORT"),
        (("--port", "1", *LEAST[4:]), "instance 1: it has no name: --app NAME"),
        ((*LEAST[:4], "--registry", " , "), ("registry 1: it has no URL: --registry"
         " http://HOST:8761/eureka/")),
        ((*LEAST[:4], "--token-file", "/t"), ("registry 1: it has no URL: --registry"
         " http://HOST:8761/eureka/")),
        ((*LEAST, "--check", "8080"), ("instance 1: the check '8080' is not written as"
         " http://:PORT/PATH, https://:PORT/PATH, tcp://:PORT or grpc://:PORT/SERVICE")),
        ((*LEAST, "--hold", "5"), ("--hold is for a command that the sidecar starts: without one,"
         " the hold is that of eureka-sidecar drain")),
        ((*LEAST, "--hold", "30", "--", "./orders"), ("the command cannot be held for 30 s, since"
         " all must end within 30 s: raise --grace, and the grace period of the pod")),
        ((*LEAST, "--look-up", "a"), "--look-up is served nowhere: --listen 127.0.0.1:8078"),
        ((*LEAST, "--registry", "http://EUREKA:8761/eureka"), ("the same server is named twice: it"
         " would get each registration twice")),
    ],
)  # fmt: skip
def test_bad_flags_are_explained(flags: tuple[str, ...], sentence: str) -> None:
    """Somebody has just typed them; what may be a password is not repeated."""
    assert problems(*flags) == (sentence,)


LONG = "x" * 2_000
NAME = (
    "must be a name of at most 255 letters, without blanks, quotation marks and any of"
    " / \\ ? # % ; @ < >"
)
TEXT = "must be a text of one line, at most 1024 bytes"
PAGE = (
    "must be a URL that begins with http:// or https:// and has no user, blank or quotation mark in"
    " it"
)
ADDRESS = "must be an IPv4 address, or an IPv6 address without brackets"
XML_KEY = "as XML has it, a key is of letters, digits, '_', '-' and '.', the first a letter or '_'"
XML_VALUE = "it holds a control character"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        *(({"app": each}, f"app (--app) {NAME}") for each in (
            "", "a b", "a/b", "..", "a?b", "a;b", "a\nb", "a\\b", "me:secret@h", "\ud800", 5, None,
            True, ["a"], LONG)),
        *(({"ip": each}, f"ip (--ip) {ADDRESS}") for each in (
            "", "orders", "10.0.0", "10.0.0.256", "10.0.0.1.2", "[::1]", "10.0.0.²", "fe80::1%eth0",
            "10.0.0.1:80", "a:b:c:d:e:f:g", 5)),
        *(({"vip": each}, f"vip (--vip) {TEXT}") for each in ("a\nb", "\x1b", LONG, "ü" * 513, 1)),
        *(({"homeUrl": each}, f"homeUrl (--home-url) {PAGE}") for each in (
            "javascript:alert(1)", "/home", "http://me:secret@h/", "http://h/ x", "http://h/'", 5)),
        ({"port": True}, "port (--port) must be a number from 0 to 65535, not True"),
        ({"port": 80.0}, "port (--port) must be a number from 0 to 65535, not 80.0"),
        ({"port": None}, "port (--port) must be a number from 0 to 65535, not None"),
        ({"port": "me:secret@"}, ("port (--port) must be a number from 0 to 65535, not what was"
         " given")),
        ({"port": 65_536}, "port (--port) must be a number from 0 to 65535, not 65536"),
        ({"port": 10**100}, ("port (--port) must be a number from 0 to 65535, not"
         f" 1{'0' * 59}...")),
        ({"port": 0}, "it has no port: --port PORT"),
        ({"renewalSeconds": 0}, ("renewalSeconds (--renewal) must be a number from 1 to 3600, not"
         " 0")),
        ({"renewalSeconds": 30, "durationSeconds": 60}, (
            "a lease of 60 s that is renewed every 30 s ends when one renewal fails: it must last"
            " for more than two (--duration, --renewal)")),
        ({"ports": 1}, "there is no setting 'ports': eureka-sidecar --help lists them"),
        ({LONG: 1}, f"there is no setting '{LONG[:59]}...: eureka-sidecar --help lists them"),
        ({"metadata": []}, "metadata (--metadata) must be an object of at most 32 texts"),
        ({"metadata": {f"k{n}": "" for n in range(33)}}, ("metadata (--metadata) must be an object"
         " of at most 32 texts")),
        ({"metadata": {"a": 1}}, "metadata (--metadata) has 'a', whose value must be a text"),
        *(({"metadata": {key: ""}}, f"metadata (--metadata) cannot have {key!r}: {XML_KEY}")
          for key in ("", "1a", "-a", "a b", "a:b", "a/b", "<a>")),
        ({"metadata": {"ü": ""}}, rf"metadata (--metadata) cannot have '\xfc': {XML_KEY}"),
        *(({"metadata": {"a": each}}, f"metadata (--metadata) cannot have 'a': {XML_VALUE}")
          for each in ("\x00", "a\x1b", "\ud800", "\uffff")),
        ({"metadata": {"a": "ü" * 513}}, ("metadata (--metadata) cannot have 'a': it has more than"
         " 1024 bytes")),
        ({"check": "http://me:secret@:1/"}, ("the check contains '@': a user and a password do not"
         " belong into a URL; write %40 if a path has this sign")),
        ({"readinessProbe": {}}, ("the readiness probe has none of httpGet, tcpSocket, grpc and"
         " exec")),
        ({"readinessProbe": "x"}, "readinessProbe (--readiness-probe) must be an object"),
        ({"check": "tcp://:1", "readinessProbe": {"grpc": {"port": 1}}}, ("check and readinessProbe"
         " are given: leave out one of them")),
    ],
)  # fmt: skip
def test_bad_field_of_an_instance_is_explained(fields: dict[str, Any], sentence: str) -> None:
    """One sentence, with the place, the field and the flag; nothing follows from it twice."""
    assert problems(document=with_instance(**fields)) == (f"instance 1: {sentence}",)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"urls": "http://a/"}, "urls (--registry) must be a list of at most 16 texts"),
        ({"urls": [1]}, "urls (--registry) must be a list of at most 16 texts"),
        ({"urls": ["http://a/"] * 17}, "urls (--registry) must be a list of at most 16 texts"),
        ({"urls": [" ", ""]}, "it has no URL: --registry http://HOST:8761/eureka/"),
        ({"urls": ["a:8761"]}, ("the registry URL 'a:8761' has no scheme: begin it with http:// or"
         " https://")),
        ({"urls": ["http://me:secret@a/"]}, ("a registry URL contains '@': user and password do not"
         " belong into a URL, write them into files and name these")),
        ({"password": "secret"}, ("there is no setting 'password': eureka-sidecar --help lists"
         " them")),
        ({"userFile": "/u"}, "a user needs a password, and a password a user: name both files"),
        ({"passwordFile": "/p"}, ("a user needs a password, and a password a user: name both"
         " files")),
        ({"userFile": "/u", "passwordFile": "/p", "tokenFile": "/t"}, ("a token and a user are"
         " given: only one can be shown to the registry")),
        ({"keyFile": "/k"}, "a key is given without its certificate: name the certificate's file"),
        ({"caFile": 1}, f"caFile (--ca-file) {TEXT}"),
    ],
)  # fmt: skip
def test_bad_field_of_a_registry_is_explained(fields: dict[str, Any], sentence: str) -> None:
    """Half of a credential is found here, and not as a 401 at night."""
    assert problems(document=with_registry(**fields)) == (f"registry 1: {sentence}",)


LOOKED_UP = "apps (--look-up) must be a list of at most 16 names of letters, digits and -._~:$+"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"instances": []}, "no instance is named: --app NAME --port PORT"),
        ({"instances": {}}, "instances must be a list of at most 16 objects"),
        ({"instances": [{}] * 17}, "instances must be a list of at most 16 objects"),
        ({"instances": [None]}, "instance 1 must be an object"),
        ({"registries": [{"urls": ["http://a/"]}] * 9}, ("registries must be a list of at most 8"
         " objects")),
        ({"registries": ["http://me:secret@a/"]}, "registry 1 must be an object"),
        ({"instances": [{"app": "a", "port": 1}] * 2}, ("two instances have the same id: give each"
         " an id of its own")),
        ({"zone": 5}, f"zone (--zone) {TEXT}"),
        ({"zone": "a\nb"}, f"zone (--zone) {TEXT}"),
        ({"zone": "ü" * 513}, f"zone (--zone) {TEXT}"),
        *(({"apps": each, "listen": "a"}, LOOKED_UP) for each in (
            "orders", [1], [""], ["a b"], ["ü"], ["a,b"], [".."], ["a"] * 17, ["a" * 256])),
        *(({"socket": each}, "socket (--socket) must be a path or @NAME, at most 107 bytes")
          for each in ("", "@", "/" + "x" * 107, "a\0b", 5)),
        *(({"command": each}, "command (--) must be a command: a list of 1 to 1024 texts")
          for each in ("ls -l", [], 5, None, ["x"] * 1_025)),
        *(({"command": each}, ("command (--) must be a command: a list of texts, the first the"
           " program")) for each in ([1], [""], ["a", "b\0c"], [["a"]])),
        ({"graceSeconds": 0}, "graceSeconds (--grace) must be a number from 1 to 3600, not 0"),
        ({"all instances": {}}, ("there is no setting 'all instances': eureka-sidecar --help lists"
         " them")),
    ],
)  # fmt: skip
def test_bad_field_of_the_document_is_explained(fields: dict[str, Any], sentence: str) -> None:
    """Each limit is there because the field ends up in memory, in logs or at every client."""
    assert problems(document=with_top(**fields)) == (sentence,)


def test_zone_needs_its_server() -> None:
    """They are told apart by their places alone."""
    assert problems(document=with_registry(zones=["a", "b"])) == (
        "registry 1: it has 2 zones for 1 URLs: one for each URL",
    )


def test_flag_does_not_hide_what_is_wrong_with_the_document() -> None:
    """It is put into the instance, and there is none."""
    assert problems("--vip", "x", document=with_top(instances=[5])) == (
        "instance 1 must be an object",
    )


def test_url_may_be_empty() -> None:
    """A template that has no page for this application leaves it so."""
    assert read(*LEAST, "--home-url", "").instances[0].home_url == ""


def test_all_problems_are_told_at_once() -> None:
    """Nobody likes to start a pod five times to see five of them."""
    document = {
        "instances": [{"port": 0, "renewalSeconds": 99_999}, {"app": "b", "port": "x"}],
        "registries": [{"urls": ["ftp://a/"], "keyFile": "/k"}, {"tokens": 1}],
        "zone": 5,
    }

    assert problems(document=document) == (
        f"zone (--zone) {TEXT}",
        "instance 1: renewalSeconds (--renewal) must be a number from 1 to 3600, not 99999",
        "instance 2: port (--port) must be a number from 0 to 65535, not 'x'",
        "instance 1: it has no name: --app NAME",
        "instance 1: it has no port: --port PORT",
        "registry 2: there is no setting 'tokens': eureka-sidecar --help lists them",
        "registry 1: the scheme of a registry URL is 'ftp': it must be http or https",
        "registry 1: a key is given without its certificate: name the certificate's file",
        "registry 2: it has no URL: --registry http://HOST:8761/eureka/",
    )


@pytest.mark.parametrize("ip", ["", "10.0.0.5,fd00::5", "unknown"])
def test_machine_without_an_address_has_to_be_told_one(ip: str) -> None:
    """`status.podIPs` has two, which no client could call."""
    with pytest.raises(Problems, match="the address of this machine is not known: --ip ADDRESS"):
        read(*LEAST, facts=Facts(ip=ip))
    assert read(*LEAST, "--ip", "fd00::5", facts=Facts(ip=ip)).instances[0].ip == "fd00::5"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "CONFIG is not JSON: no value at character 0"),
        ("{", "CONFIG is not JSON: "),
        ("{} {}", "CONFIG is not JSON: something follows the value at character 2"),
        ("[]", "CONFIG must be a JSON object"),
        ("null", "CONFIG must be a JSON object"),
        ("[" * 100_000, "CONFIG is not JSON: "),
        ('{"a": ' + "9" * 5_000 + "}", "CONFIG is not JSON: "),
    ],
)
def test_document_that_is_no_object_is_explained(text: str, sentence: str) -> None:
    """The variable is written by templates, and templates go wrong."""
    with pytest.raises(Problems) as caught:
        settings.parse(text, "CONFIG")

    assert caught.value.sentences[0].startswith(sentence)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(), child, max_size=3),
        max_leaves=5,
    ),
    st.sampled_from(SETTINGS),
)
def test_any_value_of_any_field_is_a_configuration_or_a_sentence(
    value: object, setting: Setting
) -> None:
    """No other error, which would be a traceback."""
    document = with_top()
    place = document[setting.section][0] if setting.section else document
    place[setting.field] = value
    sentences: tuple[str, ...] = ()
    try:
        read(document=document)
    except Problems as found:
        sentences = found.sentences

    assert all(each.isprintable() and len(each) < 400 for each in sentences)


@pytest.mark.parametrize(
    ("flags", "url"),
    [
        (("--check", "http://:81/health"), "http://192.0.2.7:81/health"),
        (("--check", "https://:81", "--ip", "fd00::5"), "https://[fd00::5]:81/"),
        (("--check", "tcp://:81"), ""),
        (("--check", "http://:81/h", "--health-url", "http://x/"), "http://x/"),
    ],
)
def test_health_url_is_that_of_an_http_check_as_others_reach_it(
    flags: tuple[str, ...], url: str
) -> None:
    """Dashboards and Spring Boot Admin ask it from other machines."""
    assert read(*LEAST, *flags).instances[0].health_url == url


def test_only_a_secure_port_is_enough() -> None:
    """Its name is then asked for by the secure VIP."""
    (instance,) = read("--app", "Pay", "--secure-port", "443", *LEAST[4:]).instances

    assert (instance.port, instance.vip, instance.secure_vip) == (0, "", "pay")
    assert instance.id == "box:pay:443"
    assert instance.check == Check("tcp", 443)


def test_readiness_probe_is_asked_at_the_pods_address_and_else_on_loopback() -> None:
    """The kubelet asks the pod's address: the application may listen there only."""
    flags = ("--readiness-probe", '{"exec": {"command": ["true"]}}')
    (in_pod,), (outside,) = (read(*LEAST, *flags, facts=each).instances for each in (POD, HOST))

    assert (in_pod.check.host, outside.check.host) == ("10.0.0.5", "127.0.0.1")
    assert in_pod.notes
    assert in_pod.notes[0].startswith("the readiness probe is a command")


@pytest.mark.parametrize(("renewal", "duration_s"), [("10", 90), ("30", 90), ("60", 180)])
def test_lease_outlives_two_lost_renewals(renewal: str, duration_s: int) -> None:
    """Whoever asks for rarer renewals does not think of the end of the lease."""
    assert read(*LEAST, "--renewal", renewal).instances[0].duration_s == duration_s
