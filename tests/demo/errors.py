"""What ends the demo."""

from __future__ import annotations


class DemoError(Exception):
    """Something does not become what it should be; the sentence says what, and what to do."""
