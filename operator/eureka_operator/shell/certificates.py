"""The injector's certificates: made, stored in a Secret, and published in the webhook's `caBundle`.

A task of the leader. The API server trusts a new CA before anything is signed by it, and goes on
trusting the one before. Of the MutatingWebhookConfiguration nothing but `caBundle` is applied, by
a field manager of its own: everything else is the chart's.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from eureka_operator.core import certificates as core
from eureka_operator.core.certificates import (
    INJECTOR_AUTHORITY,
    SETTLE_S,
    Authority,
    Plan,
    Publication,
    Subject,
)
from eureka_operator.core.events import NORMAL, WARNING, Event
from eureka_operator.core.injection.webhooks import is_selected
from eureka_operator.core.kinds import SECRET, WEBHOOK, Object
from eureka_operator.core.names import MANAGER
from eureka_operator.shell.client import ApiError, Client, UnavailableError, path_of
from eureka_operator.shell.keypairs import (
    BUNDLE,
    authorities,
    decode_base64,
    encode_base64,
    read,
    renew,
    texts_of,
)
from eureka_operator.shell.mirror import Mirror

BUNDLE_MANAGER: Final = f"{MANAGER}-certificates"
"""Owns `caBundle` of each webhook, and no other field."""

_APPLY: Final = "application/apply-patch+yaml"
_NOT_FOUND: Final = 404
_LOOK_S: Final = 60.0
_AGAIN_S: Final = 3.0

_log = logging.getLogger(__name__)


Tell = Callable[[Object, str, str, str], Awaitable[None]]
"""Posts an event about an object: `Kube.post_event`."""


class Certificates:
    """Keeps the Secret `NAME-tls` and the webhooks of the configuration `NAME` right.

    `names` are what the leaf is valid for. `now` is the time of certificates, `clock` that of
    waiting.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        names: Sequence[str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._subject = Subject(INJECTOR_AUTHORITY, tuple(names))
        self._now = now
        self._clock = clock
        self._publication = Publication(SETTLE_S)
        self._bundle = ""
        self._problem = ""
        self._events: list[Event] = []

    async def run(self, tell: Tell) -> None:
        """Look whenever one of the two objects changes, and once a minute; for ever."""
        changed = asyncio.Event()
        secret = Mirror(SECRET, _discard, self._namespace, name=self._secret, tell=changed.set)
        webhook = Mirror(WEBHOOK, _discard, name=self._name, tell=changed.set)
        async with asyncio.TaskGroup() as tasks:
            for mirror in (secret, webhook):
                tasks.create_task(mirror.follow(self._client))
            while True:
                changed.clear()
                pause_s = await self._try()
                await self.tell(tell)
                try:
                    async with asyncio.timeout(pause_s):
                        await changed.wait()
                except TimeoutError:
                    continue

    async def turn(self) -> float:
        """Bring both objects closer to their desired state; returns the seconds until the next.

        Raises:
            ApiError: It is tried again.
        """
        secret = await self._get(path_of(SECRET, self._namespace, self._secret))
        webhook = await self._get(path_of(WEBHOOK, None, self._name))
        held = None if secret is None else read(texts_of(secret), INJECTOR_AUTHORITY)
        published = published_authorities(webhook)
        trusted = self._publication.trusted_fingerprints(self._clock())
        plan = core.plan(held, published, trusted, self._subject.names, self._now())
        bundle = await self._keep(secret, plan, webhook)
        if webhook is None:
            raise UnavailableError(f"there is no {WEBHOOK.kind} {self._name}; waiting for it")
        await self._publish(webhook, bundle)
        return SETTLE_S if plan.waits else _LOOK_S

    async def tell(self, tell: Tell) -> None:
        """Post events for what was done since the last ones; none if the Secret cannot be read."""
        if self._events:
            try:
                secret = await self._get(path_of(SECRET, self._namespace, self._secret))
            except ApiError:
                return
            while secret is not None and self._events:
                event = self._events.pop(0)
                await tell(secret, event.type, event.reason, event.message)

    @property
    def _secret(self) -> str:
        return f"{self._name}-tls"

    async def _try(self) -> float:
        try:
            pause_s = await self.turn()
        except ApiError as error:
            if str(error) != self._problem:
                _log.warning("the injector's certificates: %s", error)
            self._problem = str(error)
            return _AGAIN_S
        except Exception as error:  # noqa: BLE001 - a fault in here must not stop the operator
            _log.exception("the injector's certificates: %s", error)
            return _LOOK_S
        self._problem = ""
        return pause_s

    async def _get(self, path: str) -> Object | None:
        try:
            return await self._client.send("get", path)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    async def _keep(self, secret: Object | None, plan: Plan, webhook: Object | None) -> str:
        """Write the Secret if anything in it changes; returns its bundle."""
        before = texts_of(secret)
        after = renew(before, plan, bundle_of(webhook), self._subject, self._now())
        if after != before or secret is None:
            await self._write(secret, after)
            for what, why in (("CA", plan.authority), ("certificate", plan.leaf)):
                if why is not None:
                    message = f"a new {what} for the injector is in {self._secret}: {why}"
                    _log.info("%s", message)
                    self._events.append(Event(NORMAL, "CertificateMade", message))
        return after[BUNDLE]

    async def _write(self, secret: Object | None, texts: Mapping[str, str]) -> None:
        """Create or replace the Secret; its `resourceVersion` lets one writer of several win."""
        data = encode_base64(texts)
        if secret is not None:
            path = path_of(SECRET, self._namespace, self._secret)
            await self._client.send("put", path, secret | {"data": data}, field_manager=MANAGER)
            return
        body = {
            "apiVersion": SECRET.api_version,
            "kind": SECRET.kind,
            "metadata": {
                "namespace": self._namespace,
                "name": self._secret,
                "labels": {
                    "app.kubernetes.io/component": "injector",
                    "app.kubernetes.io/managed-by": MANAGER,
                    "app.kubernetes.io/part-of": "eurekube",
                },
            },
            "data": data,
        }
        path = path_of(SECRET, self._namespace)
        await self._client.send("post", path, body, field_manager=MANAGER)

    async def _publish(self, webhook: Object, bundle: str) -> None:
        """Write the bundle into each webhook, and remember since when its CAs are there."""
        wanted = base64.b64encode(bundle.encode()).decode()
        webhooks = _of_chart(webhook)
        if any(each["clientConfig"].get("caBundle") != wanted for each in webhooks):
            await self._client.send(
                "patch",
                path_of(WEBHOOK, None, self._name),
                _apply_body(webhook, wanted),
                content_type=_APPLY,
                field_manager=BUNDLE_MANAGER,
                force_conflicts=True,
            )
            _log.info("the injector's CAs are published in %s %s", WEBHOOK.kind, self._name)
            if bundle == self._bundle:
                message = f"caBundle of {WEBHOOK.kind} {self._name} was changed; it was put right"
                self._events.append(Event(WARNING, "CABundleRestored", message))
        self._bundle = bundle
        published = authorities(bundle, INJECTOR_AUTHORITY)
        self._publication.note((each.fingerprint for each in published), self._clock())


def bundle_of(webhook: Object | None) -> str:
    """The `caBundle` of a configuration's first webhook as PEM; empty if there is none."""
    webhooks = _of_chart(webhook)
    return decode_base64(webhooks[0]["clientConfig"].get("caBundle") or "") if webhooks else ""


def published_authorities(webhook: Object | None) -> tuple[Authority, ...]:
    """The operator's CAs that a configuration's first webhook trusts."""
    return authorities(bundle_of(webhook), INJECTOR_AUTHORITY)


def _apply_body(webhook: Object, bundle: str) -> Object:
    """The object to apply: for this one configuration, `caBundle` of each webhook by its name."""
    return {
        "apiVersion": WEBHOOK.api_version,
        "kind": WEBHOOK.kind,
        "metadata": {"name": webhook["metadata"]["name"], "uid": webhook["metadata"]["uid"]},
        "webhooks": [
            {"name": each["name"], "clientConfig": {"caBundle": bundle}}
            for each in _of_chart(webhook)
        ],
    }


def _of_chart(webhook: Object | None) -> list[Object]:
    """The webhooks of the chart; those of chosen namespaces are copies, with their `caBundle`."""
    found = (webhook or {}).get("webhooks") or ()
    return [each for each in found if not is_selected(each)]


def _discard(_: Object) -> None:
    """The parts of an object that are kept between two looks; private keys are not."""
