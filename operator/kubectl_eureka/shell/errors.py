"""Errors that end a command: what is wrong, where, and what to do."""

from __future__ import annotations

from eureka_registry.verbs.server import BadNameError, NoAnswerError

__all__ = ["BadNameError", "NoAnswerError", "UsageError"]


class UsageError(ValueError):
    """An argument or a file cannot be used."""
