"""The plan of a benchmark: its operations and time limits."""

from __future__ import annotations

import argparse
import math
from typing import Final

import msgspec

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.translate import valid_url

INTERVAL_S: Final = 30
"""Seconds between renewals. Netflix's default, and the one by which its self-preservation counts
every instance (`expectedClientRenewalIntervalSeconds`): another one would distort it."""

DURATION_S: Final = 90
"""Seconds a lease lasts, Netflix's default: what is left after a `kill -9` ends soon."""

PATIENCE_S: Final = 45.0
"""Longest wait until a change is seen. Netflix's cache of answers is renewed every 30 s
(`responseCacheUpdateIntervalMs`); half as much again leaves no doubt."""

SILENCE_S: Final = 5.0
"""A server that answers nothing for so long is given up; so is removing, when it removes nothing.
Ours restarts in less."""

CONNECT_S: Final = 5.0
ANSWER_S: Final = 8.0
"""What Java's clients allow a connection and an answer
(`eurekaServerConnectTimeoutSeconds`, `eurekaServerReadTimeoutSeconds`)."""

_MOST_INSTANCES: Final = 100_000
_MOST_CONNECTIONS: Final = 500
"""Descriptors: 1024 is what many systems give a process."""
_LEAST_SECONDS: Final = 0.1
_MOST_SECONDS: Final = 86_400.0


class Plan(msgspec.Struct, frozen=True):
    """The user's options.

    `urls` are service URLs with their passwords; the first is written to. `rate` is operations a
    second in all, `None` for as many as possible. `patience_s` is the longest wait for a change.
    """

    urls: list[str]
    instances: int
    seconds: float
    connections: int
    rate: float | None = None
    patience_s: float = PATIENCE_S


def plan(options: argparse.Namespace) -> Plan:
    """Check the arguments.

    Raises:
        ConfigurationError: an argument cannot be used; the text says what is possible.
    """
    urls = [valid_url(url, "argument URL") for url in options.urls]
    if len(set(urls)) < len(urls):
        raise ConfigurationError("argument URL", "one is given twice", "each peer once")
    _check_range("--instances", options.instances, 1, _MOST_INSTANCES)
    _check_range("--connections", options.connections, 1, _MOST_CONNECTIONS)
    _check_range("--seconds", options.seconds, _LEAST_SECONDS, _MOST_SECONDS)
    if options.rate is not None:
        _check_rate(options.rate, options.instances)
    return Plan(urls, options.instances, options.seconds, options.connections, options.rate)


def _check_range(flag: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # also false for nan
        raise ConfigurationError(
            f"flag {flag}", f"{value:g} is out of range", f"{least:g} to {most:,.0f}"
        )


def _check_rate(rate: float, instances: int) -> None:
    """All leases must be begun, and each renewed, within one interval."""
    least = instances / INTERVAL_S
    if not math.isfinite(rate) or rate <= 0:
        raise ConfigurationError("flag --rate", f"{rate:g} is not a rate", "a number above 0")
    if rate < least:
        raise ConfigurationError(
            "flag --rate",
            f"{rate:g} a second cannot keep {instances:,} leases alive, as each is renewed "
            f"every {INTERVAL_S} s",
            f"{math.ceil(least * 10) / 10:g} or more, or fewer --instances",
        )
