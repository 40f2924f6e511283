from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_sidecar.core import check
from eureka_sidecar.core.configuration import Check
from eureka_sidecar.records import replace

PORT = 7000
POD_IP = "10.0.0.5"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://:8080/health", Check("http", 8080, path="/health")),
        ("http://localhost/health", Check("http", PORT, "localhost", "/health")),
        ("http://localhost:80", Check("http", 80, "localhost")),
        ("http:///health", Check("http", PORT, path="/health")),
        ("HTTP://:8080/Health", Check("http", 8080, path="/Health")),
        ("http://:8080/health?full=1", Check("http", 8080, path="/health?full=1")),
        ("https://[::1]:8443/x", Check("https", 8443, "::1", "/x")),
        ("https://[::1]/x", Check("https", PORT, "::1", "/x")),
        ("https://10.0.0.5:8443", Check("https", 8443, POD_IP)),
        ("tcp://:5432", Check("tcp", 5432)),
        ("tcp://:5432/", Check("tcp", 5432)),
        ("tcp://", Check("tcp", PORT)),
        ("grpc://:9000/svc", Check("grpc", 9000, service="svc")),
        ("grpc://:9000", Check("grpc", 9000)),
        ("grpc://:9000/shop.v1.Orders", Check("grpc", 9000, service="shop.v1.Orders")),
    ],
)
def test_check_is_read_from_a_url(text: str, expected: Check) -> None:
    """What is left out is the application itself: loopback, and its port."""
    assert check.from_url(text, PORT) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the check '' is not written as http://:PORT/PATH, https://:PORT/PATH, tcp://:PORT"),
        ("/health", "is not written as"),
        (":8080/health", "is not written as"),
        ("ftp://:21", "is not written as"),
        ("http:/:8080", "is not written as"),
        ("http://:0/", "has no port from 1 to 65535 after its ':'"),
        ("http://:65536/", "has no port"),
        ("http://:/health", "has no port"),
        ("http://:8o8o/", "has no port"),
        ("http://:-1/", "has no port"),
        ("http://:²/", "has no port"),
        ("http://:" + "9" * 5_000 + "/", "has no port"),
        ("http://:8080?full", "has no port"),
        ("http://::1/health", "an IPv6 address is written in brackets, as in"),
        ("http://[::1/health", "the host of the check 'http://[::1/health' is neither a name"),
        ("http://[name]/health", "the host of the check"),
        ("http://[]:80/", "the host of the check"),
        ("http://a b/", "the host of the check"),
        ("http://:8080/a b", "has a blank, a '#' or another character that none may have"),
        ("http://:8080/ü", "write it as %XX"),
        ("http://:8080/#top", "a '#'"),
        ("http://:8080/\r\nX: y", "has a blank"),
        ("tcp://:5432/path", "connects only, and has no path: leave it out"),
    ],
)  # fmt: skip
def test_bad_check_is_explained(text: str, sentence: str) -> None:
    """It is the first thing that somebody types."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence follows
        check.from_url(text, PORT)

    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["http://me:secret@:80/", "http://me:sec/ret@h/", "me:secret@h"])
def test_password_in_a_check_is_refused_and_not_repeated(text: str) -> None:
    """The message goes to the log."""
    with pytest.raises(ValueError, match="the check contains '@'") as caught:
        check.from_url(text, PORT)

    assert "sec" not in str(caught.value)


@given(st.text(alphabet="htps:/[]@.#?%19²- a") | st.text())
def test_any_text_is_a_check_or_a_sentence(text: str) -> None:
    """No other error, which would be a traceback."""
    sentence = ""
    found = Check("tcp", PORT)
    try:
        found = check.from_url(text, PORT)
    except ValueError as error:
        sentence = str(error)

    assert not sentence or "the check" in sentence
    assert 0 < found.port < 65_536
    assert found.host


KUBELET = {"period_ms": 10_000, "timeout_ms": 1_000, "rise": 1, "fall": 3}
"""What a probe has that says nothing of it (`Probe` of the API's core/v1)."""


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"httpGet": {"port": 8080}}, Check("http", 8080, POD_IP)),
        ({"httpGet": {"port": 8080, "path": "/ready", "scheme": "HTTP"}},
         Check("http", 8080, POD_IP, "/ready")),
        ({"httpGet": {"port": 8443, "path": "ready", "scheme": "HTTPS"}},
         Check("https", 8443, POD_IP, "/ready")),
        ({"httpGet": {"port": 80, "path": "", "host": "", "scheme": None, "httpHeaders": None}},
         Check("http", 80, POD_IP)),
        ({"httpGet": {"port": 80, "host": "127.0.0.1"}}, Check("http", 80, "127.0.0.1")),
        ({"httpGet": {"port": 80, "host": "fd00::5"}}, Check("http", 80, "fd00::5")),
        ({"httpGet": {"port": 80, "path": "/a b?x=1#y"}}, Check("http", 80, POD_IP, "/a%20b?x=1")),
        ({"httpGet": {"port": 80, "path": "/ü%20"}}, Check("http", 80, POD_IP, "/%C3%BC%20")),
        ({"httpGet": {"port": 80, "httpHeaders": [{"name": "Host", "value": "shop"},
                                                  {"name": "X-Probe"}]}},
         Check("http", 80, POD_IP, headers=(("Host", "shop"), ("X-Probe", "")))),
        ({"httpGet": {"port": "8080"}}, Check("http", 8080, POD_IP)),
        ({"tcpSocket": {"port": 5432}}, Check("tcp", 5432, POD_IP)),
        ({"tcpSocket": {"port": 5432, "host": "db.local"}}, Check("tcp", 5432, "db.local")),
        ({"grpc": {"port": 9000}}, Check("grpc", 9000, POD_IP)),
        ({"grpc": {"port": 9000, "service": None}}, Check("grpc", 9000, POD_IP)),
        ({"grpc": {"port": 9000, "service": "svc"}}, Check("grpc", 9000, POD_IP, service="svc")),
        ({"exec": None, "httpGet": {"port": 8080}}, Check("http", 8080, POD_IP)),
        ({"httpGet": {"port": 8080}, "initialDelaySeconds": 5, "terminationGracePeriodSeconds": 9,
          "newInKubernetes2": True}, Check("http", 8080, POD_IP)),
    ],
)  # fmt: skip
def test_readiness_probe_is_read_as_the_kubelet_does(
    probe: dict[str, Any], expected: Check
) -> None:
    """Whoever has written one has said how the application is asked."""
    assert check.from_probe(probe, PORT, POD_IP) == (replace(expected, **KUBELET), "")


def test_times_of_the_probe_are_kept() -> None:
    """0 is what is not said, as in the API server's defaults."""
    probe = {
        "tcpSocket": {"port": 1},
        "periodSeconds": 2,
        "timeoutSeconds": 0,
        "successThreshold": 4,
        "failureThreshold": 2**31 - 1,
    }
    found, _ = check.from_probe(probe, PORT, POD_IP)

    assert (found.period_ms, found.timeout_ms, found.rise, found.fall) == (
        2_000, 1_000, 4, 2**31 - 1,
    )  # fmt: skip


def test_command_is_replaced_by_a_connection_and_that_is_said() -> None:
    """It would run in the application's container, where we are not."""
    probe = {"exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 3}  # noqa: S108 - not opened
    found, note = check.from_probe(probe, PORT, POD_IP)

    assert found == replace(Check("tcp", PORT, POD_IP), **{**KUBELET, "period_ms": 3_000})
    assert note == (
        "the readiness probe is a command, which cannot be run from another container: the"
        " application counts as ready while port 7000 accepts connections"
    )


HTTP = {"httpGet": {"port": 80}}


def http(**fields: object) -> dict[str, Any]:
    """A probe with such a `httpGet`."""
    return {"httpGet": {"port": 80, **fields}}


@pytest.mark.parametrize(
    ("probe", "sentence"),
    [
        ({}, "the readiness probe has none of httpGet, tcpSocket, grpc and exec"),
        ({"httpGet": None, "exec": None}, "has none of"),
        ({"httpGet": "http://x"}, "has none of"),
        (http(port="web"), "the port of the readiness probe is not a number from 1 to"),
        (http(port="web"), "the sidecar does not know the names of the application's ports"),
        (http(port=None), "the port of the readiness probe"),
        (http(port=0), "the port of the readiness probe"),
        (http(port=True), "the port of the readiness probe"),
        (http(port="²"), "the port of the readiness probe"),
        (http(scheme="FTP"), "the scheme of the readiness probe is 'ftp', not HTTP or HTTPS"),
        (http(scheme=1), "scheme of the readiness probe is not a text"),
        (http(path=["/"]), "path of the readiness probe is not a text"),
        (http(path="/" * 2_000), "path of the readiness probe is not a text, or too long"),
        (http(host="a\r\nb"), "the host of the readiness probe is neither a name nor an address"),
        (http(host="me:secret@h"), "the host of the readiness probe"),
        (http(httpHeaders={"a": "b"}), "httpHeaders of the readiness probe is not a list"),
        (http(httpHeaders=[{"name": "A"}] * 33), "not a list of at most 32 headers"),
        (http(httpHeaders=["A: b"]), "is not an object with name and value"),
        (http(httpHeaders=[{"value": "secret"}]), "cannot have the name ''"),
        (http(httpHeaders=[{"name": "A:"}]), "cannot have the name 'A:'"),
        (http(httpHeaders=[{"name": "A", "value": "secret\r\nB: c"}]), "the header A"),
        ({**HTTP, "periodSeconds": -1}, "periodSeconds of the readiness probe is not a number"),
        ({**HTTP, "periodSeconds": True}, "periodSeconds of"),
        ({**HTTP, "periodSeconds": False}, "periodSeconds of"),
        ({**HTTP, "periodSeconds": "5"}, "periodSeconds of"),
        ({**HTTP, "timeoutSeconds": 0.5}, "timeoutSeconds of"),
        ({**HTTP, "failureThreshold": 2**31}, "failureThreshold of"),
        ({"grpc": {"port": 1, "service": 5}}, "service of the readiness probe is not a text"),
    ],
)  # fmt: skip
def test_bad_probe_is_explained(probe: dict[str, Any], sentence: str) -> None:
    """It comes from a pod, so usually it is right; who writes it by hand is told what is not."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence follows
        check.from_probe(probe, PORT, POD_IP)

    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 300
