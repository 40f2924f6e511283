"""What the command line may ask for."""

from __future__ import annotations

import argparse

import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.local import arguments
from eureka_registry.local.bench.plan import Plan, plan

URL = "http://one:8761/eureka/"


def options(*words: str) -> argparse.Namespace:
    """What argparse makes of the words."""
    parser = argparse.ArgumentParser()
    arguments.bench(parser)
    return parser.parse_args(words)


def test_a_url_is_enough() -> None:
    """Everything else has a default that harms no server."""
    assert plan(options("http://one:8761/eureka")) == Plan([URL], 100, 10.0, 4, None)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--instances", "0"), "flag --instances: 0 is out of range; allowed: 1 to 100,000"),
        (("--instances", "100001"), "flag --instances: 100001 is out of range"),
        (("--seconds", "0"), "flag --seconds: 0 is out of range; allowed: 0.1 to 86,400"),
        (("--seconds", "nan"), "flag --seconds: nan is out of range"),
        (("--seconds", "inf"), "flag --seconds: inf is out of range"),
        (("--connections", "-1"), "flag --connections: -1 is out of range; allowed: 1 to 500"),
        (("--rate", "0"), "flag --rate: 0 is not a rate; allowed: a number above 0"),
        (("--rate", "nan"), "flag --rate: nan is not a rate"),
        (("--rate", "inf"), "flag --rate: inf is not a rate"),
        (("http://one:8761/eureka",), "argument URL: one is given twice"),
        (("one:8761",), "argument URL: 'one:8761' does not begin with http:// or https://"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(words: tuple[str, ...], problem: str) -> None:
    """It says where, what is wrong, and what may stand there."""
    with pytest.raises(ConfigurationError) as refused:
        plan(options(URL, *words))

    assert str(refused.value).startswith(problem)


def test_a_rate_must_be_enough_to_keep_the_leases() -> None:
    """Of 100 leases each is renewed every 30 s: fewer than 3.3 a second let some expire."""
    with pytest.raises(ConfigurationError, match=r"allowed: 3\.4 or more"):
        plan(options(URL, "--rate", "3"))

    assert plan(options(URL, "--rate", "3.4")).rate == 3.4


def test_no_message_shows_a_password() -> None:
    """Messages end up in tickets."""
    with pytest.raises(ConfigurationError) as refused:
        plan(options("ftp://me:secret@one/"))

    assert "secret" not in str(refused.value)
