"""Errors of a configuration, as sentences for the person who wrote it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConfigurationError(ValueError):
    """A configuration that cannot be used.

    `source` says where it is (`environment EUREKA_PORT`, `file x.yaml: key a.b`, `flag --port`),
    `problem` what is wrong with it, `allowed` what is allowed instead; empty if the problem says so
    itself. None of them ever holds a password.
    """

    def __init__(self, source: str, problem: str, allowed: str = "") -> None:
        super().__init__(f"{source}: {problem}" + (f"; allowed: {allowed}" if allowed else ""))
        self.source = source
        self.problem = problem
        self.allowed = allowed


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return `; did you mean X?` for the known name most like `name`, or an empty text."""
    names = list(candidates)
    folded = {other.lower(): other for other in names}
    close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[close[0]]}?" if close else ""
