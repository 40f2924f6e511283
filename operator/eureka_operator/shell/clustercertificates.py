"""The Secrets with certificates of peers: the operator makes and renews them, or only reads them.

The pass over a cluster looks at its Secret (`shell/observe.py`). What one holds that the operator
made is remembered while it leads, so that a Secret that somebody deletes comes back as it was:
nobody would trust another one before the new CA got around. Nothing of it is kept elsewhere.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import certificates, names, tls
from eureka_operator.core.certificates import Plan, Publication, Subject
from eureka_operator.core.desired.common import child
from eureka_operator.core.events import NORMAL, WARNING, Event, about
from eureka_operator.core.kinds import SECRET, Object
from eureka_operator.core.observed import Certificate, Trouble, controller_uid, owner_phrase
from eureka_operator.core.status import is_paused
from eureka_operator.shell.client import RefusedError
from eureka_operator.shell.keypairs import (
    BUNDLE,
    LEAF,
    authorities,
    encode_base64,
    read,
    read_external,
    renew,
    texts_of,
)
from eureka_operator.shell.kube import Kube

_TYPE: Final = "Opaque"
"""One of type kubernetes.io/tls must have `tls.crt`, whose removal is how people renew."""

_log = logging.getLogger(__name__)


class _Memory:
    """The last contents of a cluster's Secret, and since when its CAs are published."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.publication = Publication(tls.SETTLE_S)


class ClusterCertificates:
    """Those of all clusters; `domain` is the DNS domain of Services.

    Without `may_write` they are only read. `now` is the time of certificates, `clock` that of
    waiting.
    """

    def __init__(
        self,
        kube: Kube,
        domain: str,
        *,
        may_write: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._domain = domain
        self._may_write = may_write
        self._now = now
        self._clock = clock
        self._memories: dict[str, _Memory] = {}

    async def look(self, cluster: Cluster, published: str) -> Certificate | None:
        """Make, renew or repair the Secret; returns its contents, `None` without `spec.tls`.

        Args:
            cluster: the EurekaCluster.
            published: the CAs that were published to clients last, as PEM; empty: none.

        Raises:
            ApiError: The API server does not answer; it is tried again.
        """
        if cluster.spec.tls is None:
            self._memories.pop(cluster.uid, None)
            return None
        secret = tls.secret_name(cluster)
        try:
            if tls.is_made_here(cluster.spec.tls):
                found = await self._keep(cluster, published)
            else:
                found = await self._read(cluster)
            return await self._with_clients(cluster, found)
        except RefusedError as error:
            message = (
                f"Secret {secret} cannot be kept: {error}. Give the operator the rights to get,"
                " create and update secrets; the chart does"
            )
            return Certificate(secret=secret, trouble=Trouble("Forbidden", message))

    def forget(self, uid: str) -> None:
        """Forget a cluster that is gone."""
        self._memories.pop(uid, None)

    async def _read(self, cluster: Cluster) -> Certificate:
        """The contents of somebody else's Secret."""
        secret = await self._kube.get(SECRET, cluster.namespace, tls.secret_name(cluster))
        return self._certificate(cluster, secret)

    async def _keep(self, cluster: Cluster, published: str) -> Certificate:
        """The contents of the operator's own Secret after it was made, repaired or renewed."""
        secret = await self._kube.get(SECRET, cluster.namespace, tls.secret_name(cluster))
        if secret is not None and controller_uid(secret) != cluster.uid:
            return _name_conflict(cluster, secret)
        if not self._may_write or is_paused(cluster):
            return self._certificate(cluster, secret)
        subject = tls.subject(cluster, self._domain)
        memory = self._memories.setdefault(cluster.uid, _Memory())
        before = _restore_authorities(secret, memory.texts, published, subject)
        restored = secret is None and bool(before)
        ours = authorities(published, subject.authority)
        held = read(before, subject.authority) if before else None
        plan = certificates.plan(
            held,
            # A Secret that knows its CAs learns of no others: more people may write ConfigMaps.
            () if held is not None and held.authorities else ours,
            memory.publication.trusted_fingerprints(self._clock()),
            subject.names,
            self._now(),
        )
        after = renew(before, plan, published, subject, self._now())
        if secret is None or after != texts_of(secret):
            body = secret or child(cluster, SECRET, tls.secret_name(cluster), type=_TYPE)
            # Its `resourceVersion` lets one writer of several win.
            secret = await self._kube.store(SECRET, body | {"data": encode_base64(after)})
            await self._tell(cluster, plan, restored=restored)
        memory.texts = after
        present = authorities(after[BUNDLE], subject.authority)
        memory.publication.note(
            (each.fingerprint for each in present if each in ours), self._clock()
        )
        return replace(self._certificate(cluster, secret), waits=plan.waits)

    async def _with_clients(self, cluster: Cluster, certificate: Certificate) -> Certificate:
        """The same with the CAs of clients, if they have their own."""
        name = cluster.spec.tls.ca_secret_name if cluster.spec.tls else None
        if name is None:
            return certificate
        texts = texts_of(await self._kube.get(SECRET, cluster.namespace, name))
        clients = texts.get(BUNDLE, "")
        if read_external({BUNDLE: clients}).authorities:
            return replace(certificate, clients=clients)
        message = (
            f"Secret {name} has no ca.crt that can be used: put the CAs of clients' certificates"
            " there; those that peers knew before still count"
        )
        return replace(
            certificate, trouble=certificate.trouble or Trouble("ClientCAMissing", message)
        )

    def _certificate(self, cluster: Cluster, secret: Object | None) -> Certificate:
        """The contents of a Secret for peers, whoever made it."""
        name, now = tls.secret_name(cluster), self._now()
        if secret is None:
            return Certificate(secret=name, trouble=tls.trouble(None, cluster, self._domain, now))
        texts = texts_of(secret)
        held = read_external(texts)
        return Certificate(
            secret=name,
            bundle=texts[BUNDLE] if held.authorities else "",
            digest=names.object_digest({key: texts.get(key, "") for key in (BUNDLE, LEAF)}),
            ends=held.leaf.not_after if held.leaf is not None else None,
            trouble=tls.trouble(held, cluster, self._domain, now),
        )

    async def _tell(self, cluster: Cluster, plan: Plan, *, restored: bool) -> None:
        name = tls.secret_name(cluster)
        if restored:
            message = f"Secret {name} was deleted; it was created again with its former contents"
            await self._post(cluster, Event(WARNING, "SecretRestored", message))
        for what, why in (("CA", plan.authority), ("certificate", plan.leaf)):
            if why is not None:
                message = f"a new {what} for the peers is in Secret {name}: {why}"
                await self._post(cluster, Event(NORMAL, "CertificateMade", message))

    async def _post(self, cluster: Cluster, event: Event) -> None:
        _log.info("%s/%s: %s: %s", cluster.namespace, cluster.name, event.reason, event.message)
        await self._kube.post_event(about(cluster), event.type, event.reason, event.message)


def _restore_authorities(
    secret: Object | None, last: Mapping[str, str], published: str, subject: Subject
) -> dict[str, str]:
    """The contents of the Secret, with former CAs if it lost them: peers still trust those."""
    if secret is None:
        return dict(last)
    texts = texts_of(secret)
    if authorities(texts.get(BUNDLE, ""), subject.authority):
        return texts
    return {**texts, BUNDLE: last.get(BUNDLE) or published}


def _name_conflict(cluster: Cluster, secret: Object) -> Certificate:
    name = tls.secret_name(cluster)
    message = (
        f"Secret {name} exists and does not belong to this EurekaCluster"
        f" ({owner_phrase(secret, cluster.name)}): delete it, or name it in spec.tls.secretName"
    )
    return Certificate(secret=name, trouble=Trouble("NameTaken", message))
