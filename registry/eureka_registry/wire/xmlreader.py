"""Reads an XML document into a small tree with expat; refuses what no Eureka client sends.

It refuses a DOCTYPE (so entities cannot be defined), and deep or huge trees. The encoding is the
one that the document names, as for Java's parsers, and processing instructions say nothing to us. A
document is decoded before it is parsed: no encoding is a way around what is checked.
"""

from __future__ import annotations

import codecs
import re
from typing import Final
from xml.parsers import expat

from eureka_registry.wire.fields import BadDocument, display_text

_DEPTH_LIMIT: Final = 32
_PROLOG: Final = re.compile(
    rb"""<\?xml\s[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']"""
)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""How a document begins whose encoding shows without a prolog (XML 1.0, appendix F)."""

_FURTHER_NAMES: Final = {"windows-31j": "cp932", "windows-874": "cp874"}
"""Names of IANA's that Python does not know."""

_ENCODINGS: Final = frozenset({
    "utf-8", "ascii", "gbk", "gb2312", "gb18030", "big5", "big5hkscs", "euc_jp", "euc_kr", "cp949",
    "shift_jis", "cp932", "koi8-r", "koi8-u", "tis-620", "cp874",
    *(f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))),
    *(f"cp{page}" for page in (437, 850, 852, 855, 858, 866, *range(1250, 1259))),
})  # fmt: skip
"""By Python's names: those in which a prolog can be read before its encoding is known, and whose
decoding costs no more than their length (that of `punycode` grows with the square)."""


class Node:
    """An element: its name, attributes and child elements, and the text directly inside it."""

    __slots__ = ("attributes", "children", "name", "pieces")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Node] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text directly inside, as it was written."""
        return "".join(self.pieces)


def parse(body: bytes, *, element_limit: int) -> Node:
    """Read a document and return its root.

    Raises:
        BadDocument: it is malformed, or this reader refuses it.
    """
    tree = _Tree(element_limit)
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.characters
    parser.StartDoctypeDeclHandler = _doctype
    try:
        text = _as_utf8(body)
        parser.Parse(text, True)  # noqa: FBT003 - the last piece; a positional-only argument
    except (expat.ExpatError, UnicodeDecodeError) as error:
        raise BadDocument(f"malformed XML: {error}") from None
    return tree.root


def _as_utf8(body: bytes) -> bytes:
    """A document in UTF-8, whatever encoding it is written in and names.

    Raises:
        UnicodeDecodeError: it is not.
        BadDocument: the encoding is not known, or there is a NUL: beside one expat takes what it
            reads for UTF-16, whatever it is told.
    """
    encoding = _encoding(body)
    text = body.decode(encoding)
    if "\0" in text:
        raise BadDocument("malformed XML: it holds a NUL")
    return body if encoding == "utf-8" else text.removeprefix("\ufeff").encode()


def _encoding(body: bytes) -> str:
    """The encoding by a document's first bytes, else by its prolog, else UTF-8."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return encoding
    named = _PROLOG.match(body)
    if named is None:
        return "utf-8"
    name = named[1].decode("ascii")
    try:
        encoding = codecs.lookup(_FURTHER_NAMES.get(name.lower(), name)).name
    except LookupError:
        encoding = ""
    if encoding not in _ENCODINGS:
        raise BadDocument(f"the document's encoding is not known here: {display_text(name)}")
    return encoding


class _Tree:
    """The handlers; elements that are open now are a stack."""

    def __init__(self, element_limit: int) -> None:
        self._left = element_limit
        self._top = Node("", {})
        self._open = [self._top]

    @property
    def root(self) -> Node:
        return self._top.children[0]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._left -= 1
        if self._left < 0:
            raise BadDocument("the document has too many elements")
        if len(self._open) > _DEPTH_LIMIT:
            raise BadDocument("the document is nested too deeply")
        node = Node(name, attributes)
        self._open[-1].children.append(node)
        self._open.append(node)

    def end(self, _name: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        self._open[-1].pieces.append(text)


def _doctype(*_: object) -> None:
    raise BadDocument("the document has a DOCTYPE")
