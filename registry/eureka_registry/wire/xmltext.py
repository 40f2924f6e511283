"""Texts and element names of XML: escaped so that no value can make a document malformed.

Metadata keys are element names, escaped as XStream's `XmlFriendlyNameCoder` does
(`docs/protocol/documents.md#metadata-keys-in-xml`): `_` is doubled, `$` is `_-`, any other
character that cannot be in a name is `_.` and the four hex digits of its UTF-16 code. XStream takes
more characters for names than parsers do; here are only those that every version of XML and of its
name spaces allows, so a colon, too, is escaped.
"""

from __future__ import annotations

import re
from typing import Final

from eureka_registry.core.validation import UNSAFE

_LETTERS: Final = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0391-\u03a1\u03a3-\u03ce\u0410-\u044f"
    "\u3041-\u3094\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3"
)
_NOT_IN_NAME: Final = re.compile(f"[^{_LETTERS}0-9._\\-]+|^[0-9.\\-]")
_ESCAPE_IN_NAME: Final = re.compile(r"_(?:(_)|(-)|\.([0-9a-fA-F]{4}))")
_SPECIAL: Final = re.compile(f"[&<>\"'\r]|{UNSAFE.pattern}")
_ENTITIES: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&apos;",
    "\r": "&#xd;",
}


def escape(text: str) -> str:
    """Write a text; characters that XML cannot hold become U+FFFD."""
    if _SPECIAL.search(text) is None:
        return text
    for character, entity in _ENTITIES.items():
        text = text.replace(character, entity)
    return UNSAFE.sub("\ufffd", text)


def name_of(key: str) -> str:
    """Turn a metadata key, which must not be empty, into the name of an element."""
    return _NOT_IN_NAME.sub(_escape_match, key.replace("_", "__").replace("$", "_-"))


def key_of(name: str) -> str:
    """Turn the name of an element into a metadata key; a lone `_` stays what it is."""
    key = _ESCAPE_IN_NAME.sub(_unescape_match, name)
    return key.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _escape_match(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex("_", 2)
    return "_." + units.replace("_", "_.")


def _unescape_match(match: re.Match[str]) -> str:
    if match[1]:
        return "_"
    return "$" if match[2] else chr(int(match[3], 16))
