"""One spelling for every peer, and no password in a log."""

from __future__ import annotations

import re

import pytest

from eureka_registry.peers import urls


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("http://peer1:8761/eureka", "http://peer1:8761/eureka/"),
        ("HTTP://Peer1:8761/eureka/", "http://peer1:8761/eureka/"),
        ("https://peer1", "https://peer1/"),
        ("http://peer1:8761/Eureka/v2", "http://peer1:8761/Eureka/v2/"),
        (" http://peer1:8761/eureka/ ", "http://peer1:8761/eureka/"),
        ("http://Bob:Pa@Peer1:8761/eureka", "http://Bob:Pa@peer1:8761/eureka/"),
        ("http://[FE80::1]:8761/eureka", "http://[fe80::1]:8761/eureka/"),
    ],
)
def test_a_url_is_spelled_one_way(given: str, normal: str) -> None:
    """A peer known by two spellings would be sent everything twice."""
    assert urls.normalise(given) == normal
    assert urls.normalise(normal) == normal


@pytest.mark.parametrize(
    "given",
    ["peer1:8761", "", "ftp://peer1/", "http://", "http://:8761/", "http://peer1:eureka/",
     "http://peer1:0/", "http://peer1:99999/", "http://[fe80::1/", "http://peer 1/",
     "http://peer1:8761/eureka/?a=b", "http://peer1:8761/eureka/#c"],
)  # fmt: skip
def test_what_is_no_service_url_is_refused_with_a_sentence(given: str) -> None:
    """The sentence is what an operator sees of a typing mistake."""
    assert urls.problem(given)
    with pytest.raises(ValueError, match=re.escape(urls.problem(given) or "-")):
        urls.normalise(given)


@pytest.mark.parametrize(
    ("given", "redacted"),
    [
        ("http://bob:secret@peer1:8761/eureka/", "http://peer1:8761/eureka/"),
        ("http://bob@peer1/", "http://peer1/"),
        ("http://bob:sec@ret@peer1/", "http://peer1/"),
        ("http://bob:sec/ret@peer1/eureka/", "http://peer1/eureka/"),
        ("http://bob:sec#ret@peer1/eureka/", "http://peer1/eureka/"),
        ("bob:secret@peer1/eureka/", "peer1/eureka/"),
        ("http://peer1:8761/a@b/", "http://peer1:8761/a@b/"),
        ("http://[::1]:8761/a@b/", "http://[::1]:8761/a@b/"),
        ("http://peer1:8761/eureka/", "http://peer1:8761/eureka/"),
        ("nonsense", "nonsense"),
    ],
)
def test_redacted_url_has_no_credentials(given: str, redacted: str) -> None:
    """URLs are shown on dashboards and in logs, also those that are mistyped."""
    assert urls.redact(given) == redacted


@pytest.mark.parametrize(
    "given", ["http://bob:secret@peer1:eureka/", "http://bob:12secret@/", "ftp://bob:secret@x/",
              "http://bob:secret/@peer1/", "http://bob:secret@[::1/"],
)  # fmt: skip
def test_problem_never_quotes_a_password(given: str) -> None:
    """Problems are logged."""
    assert "secret" not in (urls.problem(given) or "")


def test_shown_url_is_normalised_where_it_can_be() -> None:
    """A dashboard shows one spelling of a peer, and a bad URL as it was given."""
    assert urls.display_url("HTTP://bob:pw@Peer1:8761/eureka") == "http://peer1:8761/eureka/"
    assert urls.display_url("peer1:8761") == "peer1:8761"
