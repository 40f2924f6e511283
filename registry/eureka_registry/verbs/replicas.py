"""Reads the replicas from a server's status page."""

from __future__ import annotations

from typing import Final

from eureka_registry.config.urls import redact
from eureka_registry.verbs.findings import Finding, finding
from eureka_registry.verbs.server import NoAnswerError, Server
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.xmlreader import Node, parse

XML: Final = "application/xml"
"""A Java server cannot write its status page as JSON."""
_MOST_ELEMENTS: Final = 10_000


async def replica_findings(server: Server) -> list[Finding]:
    """Findings about replicas that the server lists as unavailable; none without a status page."""
    try:
        answer = await server.ask("GET", "status", XML)
        page = parse(answer.body, element_limit=_MOST_ELEMENTS)
    except (NoAnswerError, BadDocument):
        return []
    named = ", ".join(redact(each) for each in _unavailable(page).split(",") if each)
    return [finding("replicas_not_available", server.name, named)] if named else []


def _unavailable(page: Node) -> str:
    for part in page.children:
        for each in part.children:
            if part.name == "applicationStats" and each.name == "unavailable-replicas":
                return each.text
    return ""
