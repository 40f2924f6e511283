"""Estimates the number of values in a text before it is parsed."""

from __future__ import annotations

from typing import Final

_STRUCTURAL: Final = b",[{<="


def structure(text: bytes, enough: int = 0) -> int:
    """How many bytes may begin a value in JSON, or an element or attribute in XML.

    They are counted wherever they stand, so a document never holds more values. A text that is no
    longer than `enough` is not looked at: its length is given.
    """
    if len(text) <= enough:
        return len(text)
    return len(text) - len(text.translate(None, _STRUCTURAL))  # 1.4 ms a MiB; `count` takes 10
