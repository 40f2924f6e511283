"""Answers that refuse a request: identity, request and rule; and the line of the log for each."""

from __future__ import annotations

import logging
from typing import Final

from eureka_registry.core.validation import display_text
from eureka_registry.http.messages import REASON, Answer, header_text
from eureka_registry.http.routes import Resource, Route
from eureka_registry.http.rules import ANONYMOUS, UNPROVEN, Refusal, RefusalRecord, Rule

_log = logging.getLogger(__name__)

_VERBS: Final = {
    (Resource.APP, "POST"): "register",
    (Resource.INSTANCE, "PUT"): "renew",
    (Resource.INSTANCE, "DELETE"): "cancel",
    (Resource.STATUS_OVERRIDE, "PUT"): "override the status of",
    (Resource.STATUS_OVERRIDE, "DELETE"): "clear the override of",
    (Resource.METADATA, "PUT"): "change metadata of",
}
_KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"})
_BASIC: Final = 'Basic realm="eureka"'


def forbidden(
    who: str, method: str, route: Route | None, refusal: Refusal, instance_id: str = ""
) -> Answer:
    """The answer (403) to a known sender.

    Renewals get the reason in a header only: Java reads any body as an instance.
    """
    refused = _record(refusal.rule, who, method, route, instance_id)
    sentence = f"{who} may not {_description(refused)}: {refusal.why} (rule {refusal.rule})."
    is_renewal = method == "PUT" and route is not None and route.resource is Resource.INSTANCE
    body, kind = (
        (b"", "") if is_renewal else (f"{sentence}\n".encode(), "text/plain; charset=utf-8")
    )
    return Answer(403, body, kind, ((REASON, header_text(sentence)),), refused)


def unknown(method: str, route: Route | None, why: str, who: str = UNPROVEN) -> Answer:
    """The answer (401) if user and password are wrong or missing."""
    refused = _record(Rule.CREDENTIALS, who, method, route, "")
    return Answer(401, headers=(("WWW-Authenticate", _BASIC), (REASON, why)), refused=refused)


def untrusted(method: str, route: Route | None, why: str, who: str) -> Answer:
    """The answer (401) if a token is not accepted (RFC 6750, 3.1)."""
    challenge = f'Bearer realm="eureka", error="invalid_token", error_description="{why}"'
    refused = _record(Rule.TOKEN, who or UNPROVEN, method, route, "")
    return Answer(401, headers=(("WWW-Authenticate", challenge), (REASON, why)), refused=refused)


def tell(refused: RefusalRecord, source: str) -> None:
    """Log a refusal; `logs` bounds how often."""
    # Who sends no credentials may not know yet that they are needed: browsers, some clients.
    level = logging.INFO if refused.who == ANONYMOUS else logging.WARNING
    _log.log(
        level,
        "request refused who=%s verb=%s app=%s id=%s rule=%s from=%s",
        refused.who,
        refused.verb.partition(" ")[0],
        display_text(refused.app),
        display_text(refused.id),
        refused.rule,
        source,
    )


def _record(
    rule: Rule, who: str, method: str, route: Route | None, instance_id: str
) -> RefusalRecord:
    resource = route.resource if route is not None else None
    verb = _VERBS.get((resource, method)) if resource is not None else None
    # Clients may invent methods; what is written down is one of ours.
    verb = verb or (method if method in _KNOWN_METHODS else "other")
    if route is None or resource not in _OF_INSTANCES:
        return RefusalRecord(rule, who, verb, "", "")
    app, named, *_ = *route.names, instance_id
    return RefusalRecord(rule, who, verb, app, named)


_OF_INSTANCES: Final = frozenset(resource for resource, _ in _VERBS)


def _description(refused: RefusalRecord) -> str:
    if not refused.app:
        return f"{refused.verb} this"
    of = f"{display_text(refused.app)}" + (f" {display_text(refused.id)}" if refused.id else "")
    return f"{refused.verb} {of}"
