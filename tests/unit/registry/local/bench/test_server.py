"""What a server's answers mean."""

from __future__ import annotations

import gzip

import pytest

from eureka_registry.local.bench.server import (
    Answer,
    RegistrySize,
    ends_search,
    registry_size,
    why_not,
)

LIST = b"""{"applications": {"versions__delta": "1", "apps__hashcode": "UP_3_", "application": [
{"name": "A", "instance": [{}, {}]}, {"name": "B", "instance": [{}]}]}}"""
URL = "http://one:8761/"


def test_a_list_is_counted_compressed_or_not() -> None:
    """Bodies are left as they come, so that reading them costs the generator nothing."""
    plain = registry_size(Answer(200, LIST))
    compressed = registry_size(Answer(200, gzip.compress(LIST), "gzip"))

    assert plain == compressed == RegistrySize(applications=2, instances=3)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, LIST),
        Answer(200, b"<html></html>"),
        Answer(200, b"{}"),
        Answer(200, b"[]"),
        Answer(200, b"\xff"),
        Answer(200, b'{"applications": {"application": null}}'),
        Answer(200, b"no gzip", "gzip"),
        Answer(0, trouble="connection refused"),
    ],
)
def test_anything_else_is_no_eureka(answer: Answer) -> None:
    """Many web servers answer 200 to everything."""
    assert registry_size(answer) is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(0, trouble="connection refused"), "cannot be reached: connection refused; is it"),
        (Answer(0, trouble="TLS certificate not trusted: x"), "SSL_CERT_FILE=ca.pem"),
        (Answer(401), "answers 401: it wants a user and a password"),
        (Answer(503), "answers 503: it, or what stands before it, is not ready"),
        (
            Answer(200, b"hello"),
            "is not a Eureka server: no list of applications at http://one:8761/a",
        ),
        (Answer(302), "(302, a redirect)"),
        (Answer(403), "(403, forbidden to this user or not ready)"),
        (Answer(520), "(520)"),
    ],
)
def test_a_server_that_is_none_is_explained(answer: Answer, sentence: str) -> None:
    """With what to do about it."""
    assert sentence in why_not([(URL, answer)])


def test_every_address_that_was_tried_is_named() -> None:
    """Who gave a wrong path sees what was made of it."""
    said = why_not([(URL, Answer(404)), (f"{URL}eureka/", Answer(200, b"hello"))])

    assert "http://one:8761/apps (404), http://one:8761/eureka/apps (something else)" in said


@pytest.mark.parametrize(
    ("answer", "ends"), [(Answer(0), True), (Answer(401), True), (Answer(404), False)]
)
def test_a_search_ends_where_another_path_would_not_help(
    answer: Answer,
    ends: bool,  # noqa: FBT001
) -> None:
    """Three attempts with a wrong password lock some accounts."""
    assert ends_search(answer) is ends
