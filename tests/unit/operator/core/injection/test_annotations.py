from __future__ import annotations

import json

import pytest

from eureka_operator.core.injection.annotations import ANNOTATIONS, SidecarOptions, read

_P = "eurekube.io/"


def _read(**annotations: str) -> tuple[SidecarOptions, list[str]]:
    given = {_P + key.replace("_", "-"): text for key, text in annotations.items()}
    wishes, found = read(given)
    return wishes, [f"{each.reason.code}: {each.detail}" for each in found]


def test_every_annotation_is_read() -> None:
    """The table as a user writes it."""
    wishes, found = _read(
        app="orders", port="http", secure_port="8443", check="http://:8080/health",
        registry="eureka; infra/shared; http://a:8761/eureka/, http://b:8761/eureka/",
        vip="orders", drain_seconds="0", renewal_seconds="10", client="embedded",
        paused="true", zone="a",
    )  # fmt: skip

    assert found == []
    assert wishes == SidecarOptions(
        app="orders",
        port="http",
        secure_port=8443,
        registry=(
            "eureka",
            "infra/shared",
            ("http://a:8761/eureka/", "http://b:8761/eureka/"),
        ),
        check="http://:8080/health",
        vip="orders",
        drain_s=0,
        renewal_s=10,
        embedded=True,
    )


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("app", ""), ("app", "a b"), ("app", "é"), ("port", "0"), ("port", "65536"), ("port", ""),
        ("port", "x" * 16), ("port", "UPPER"), ("secure-port", "-1"), ("registry", ""),
        ("registry", ";"), ("registry", "a/b/c"), ("registry", "ftp://a/"), ("registry", "a;" * 9),
        ("check", "8080"), ("check", "http://:0/"), ("vip", ""), ("vip", "a\nb"),
        ("vip", "x" * 1_025), ("vip", "\ud800"), ("drain-seconds", "-1"), ("drain-seconds", "3601"),
        ("drain-seconds", "1.5"), ("drain-seconds", "²"), ("renewal-seconds", "0"),
        ("client", "true"), ("paused", "yes"), ("zone", "\x00"), ("metadata.", "a"),
        ("metadata.1", "a"), ("metadata.a", "x" * 1_025), ("instances", ""), ("instances", "{}"),
        ("instances", "[]"), ("instances", "[1]"), ("instances", "[" * 9_999),
        ("instances", '[{"app": "a"}]'), ("instances", '[{"port": "0"}]'),
        ("instances", '[{"securePort": "0"}]'), ("instances", "7"), ("instances", "null"),
        ("instances", '{"port": 1}'),
        ("instances", '[{"port": 1, "id": "other"}]'), ("instances", '[{"port": 1, "app": "a b"}]'),
    ],
)  # fmt: skip
def test_impossible_value_is_refused(key: str, text: str) -> None:
    """A number that is ignored because of a slip is found out in production."""
    wishes, found = read({_P + key: text})

    assert wishes == SidecarOptions()
    assert [each.own for each in found] == [True]
    assert _P + key[:3] in found[0].detail


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("app", "x" * 63), ("port", "1"), ("port", "65535"), ("port", "x" * 15),
        ("port", "1a"), ("vip", "x" * 1_024), ("drain-seconds", "3600"), ("renewal-seconds", "1"),
        ("renewal-seconds", "3600"), ("registry", "a;b;"), ("registry", "a;" * 8),
        ("registry", "http://a:8761/,"), ("instances", '[{"securePort": 8443}]'),
        ("instances", '[{"port": "http"}]'), ("instances", json.dumps([{"port": 1}] * 16)),
    ],
)  # fmt: skip
def test_last_value_that_is_possible_is_taken(key: str, text: str) -> None:
    """The page of reference promises it."""
    wishes, found = read({_P + key: text})

    assert found == ()
    assert wishes != SidecarOptions()


def test_separators_at_the_end_say_nothing() -> None:
    """Lists are often written by a template."""
    assert _read(registry="a; ;http://a:8761/, ;")[0].registry == ("a", ("http://a:8761/",))


@pytest.mark.parametrize(
    ("key", "text", "code"),
    [
        ("app", "a@b", "app_not_allowed"),
        ("vip", "a@b\n", "bad_annotation"),
        ("registry", "a b", "bad_annotation"),
    ],
)
def test_reason_is_that_of_the_annotation(key: str, text: str, code: str) -> None:
    """Only in a URL is an @ the sign of a password."""
    _, found = read({_P + key: text})

    assert [each.reason.code for each in found] == [code]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("registry", "http://user:secret@host:8761/eureka/"),
        ("registry", "user:secret@host"),
        ("check", "http://user:secret@:8080/"),
    ],
)
def test_password_in_a_url_is_refused_and_not_repeated(key: str, text: str) -> None:
    """The answer goes to logs and events."""
    _, found = read({_P + key: text})

    assert [each.reason.code for each in found] == ["credentials_in_annotation"]
    assert "secret" not in found[0].message
    assert "secret" not in found[0].detail


def test_unknown_key_is_noted_with_the_nearest_one() -> None:
    """It has no effect, and whoever wrote it believes that it has."""
    _, found = _read(prot="8080", quite_different="x")

    assert found == [
        "unknown_annotation: 'eurekube.io/prot'; the nearest one is eurekube.io/port",
        "unknown_annotation: 'eurekube.io/quite-different'",
    ]


def test_not_all_unknown_keys_are_noted() -> None:
    """An object may have 256 KiB of them, and the pod waits for the answer."""
    _, found = read({f"{_P}x{number}": "" for number in range(1_000)})

    assert len(found) == 8


def test_label_written_as_an_annotation_is_noted() -> None:
    """It looks right, and never has an effect."""
    assert _read(inject="enabled")[1] == [
        "unknown_annotation: eurekube.io/inject must be a label, not an annotation"
    ]


def test_keys_of_eurekube_and_of_others_are_passed_over() -> None:
    """The operator writes annotations, too."""
    _, found = read({_P + "paused-by-operator": "x", "example.com/port": "x", _P + "status": "x"})

    assert found == ()


def test_one_instance_and_several_contradict_each_other() -> None:
    """Nobody could say which of them the port is of."""
    _, found = _read(instances='[{"port": 1}]', port="8080")
    _, (finding,) = read({_P + "instances": '[{"port": 1}]', _P + "port": "8080"})

    said = "eurekube.io/port is of one instance, but eurekube.io/instances lists them"
    assert found == [f"bad_annotation: {said}: write it there"]
    assert finding.is_refusal


def test_every_annotation_says_what_it_means() -> None:
    """The page of reference is made of the table."""
    for each in ANNOTATIONS:
        assert each.value
        assert each.meaning.endswith(".")
