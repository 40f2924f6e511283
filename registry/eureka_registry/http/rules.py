"""The rules by which a request is refused, with their names in metrics and log. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Rule(StrEnum):
    """The rule that refused a request."""

    CREDENTIALS = "credentials"
    """None were sent, or they are not right."""
    TOKEN = "token"  # noqa: S105 - the rule's name
    """A token is not right, or not any more."""
    PEER = "peer"
    """Only peers may do that."""
    READ = "read"
    """Who asks may not read."""
    WRITE = "write"
    """Nothing can be written there."""
    APPLICATION = "application"
    """A user may not write the application, or the VIP address."""
    NAMESPACE = "namespace"
    """A ServiceAccount writes instances of its own namespace only."""
    GIVEN = "given"
    """The name was given to other namespaces only."""
    HELD = "held"
    """Another namespace holds the name."""


class Refusal(NamedTuple):
    """A rule, and why it refuses this request, as the end of a sentence."""

    rule: Rule
    why: str


class RefusalRecord(NamedTuple):
    """The record of a refusal.

    `who` is whose identity is proven, else `ANONYMOUS` or `UNPROVEN`; `verb`, `app` and `id` are
    what was asked for, the names as they were sent, "" for none.
    """

    rule: Rule
    who: str
    verb: str
    app: str
    id: str


ANONYMOUS: Final = "anonymous"
"""Somebody who sent no credentials."""
UNPROVEN: Final = "unproven"
"""Somebody whose credentials are not right: what they claim may be a secret in the wrong place."""
