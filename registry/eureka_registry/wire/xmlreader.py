"""A small tree of an XML document, read by expat, which refuses what no client of Eureka sends.

A DOCTYPE (so entities cannot be defined), processing instructions, encodings other than UTF-8, and
deep or huge trees.
"""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

from eureka_registry.wire.fields import BadDocument, shown

_DEPTH_LIMIT: Final = 32


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
        BadDocument: it is malformed, or something this reader refuses.
    """
    tree = _Tree(element_limit)
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.characters
    parser.XmlDeclHandler = _declaration
    parser.StartDoctypeDeclHandler = _doctype
    parser.ProcessingInstructionHandler = _instruction
    try:
        body.decode()  # expat follows a UTF-16 byte order mark whatever it is told
        parser.Parse(body, True)  # noqa: FBT003 - the last piece; a positional-only argument
    except (expat.ExpatError, UnicodeDecodeError) as error:
        raise BadDocument(f"malformed XML: {error}") from None
    return tree.root


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


def _declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.upper() != "UTF-8":
        raise BadDocument(f"the document's encoding is not UTF-8: {shown(encoding)}")


def _doctype(*_: object) -> None:
    raise BadDocument("the document has a DOCTYPE")


def _instruction(*_: object) -> None:
    raise BadDocument("the document has a processing instruction")
