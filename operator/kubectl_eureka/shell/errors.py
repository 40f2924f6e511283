"""What ends a command, in a sentence: what is wrong, where, and what can be done."""

from __future__ import annotations


class UsageError(ValueError):
    """Something that was typed, or a file, cannot be used."""


class NoAnswerError(Exception):
    """The cluster cannot be asked, or does not have what is asked for."""
