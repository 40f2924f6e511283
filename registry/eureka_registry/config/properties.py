"""Makes Spring's property names from trees of YAML and JSON."""

from __future__ import annotations

from collections.abc import Iterator


def flat(node: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield names and texts of a tree: `a.b` for a member, `a[0].b` where lists hold more.

    A list of plain values is one text with commas. A null or an empty section is an empty text
    under its own name.
    """
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(node, list) and not any(isinstance(item, dict | list) for item in node):
        yield prefix, ",".join(_text(item) for item in node)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from flat(value, f"{prefix}[{place}]")
    elif prefix:
        yield prefix, _text(node)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value in (None, "~", "null", {}) else str(value)
