"""Operations on objects: read, make, apply, annotate, delete, write events."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from eureka_operator.core.crds import undeclared_fields, without_fields
from eureka_operator.core.kinds import CHILDREN, CLUSTER, EVENT, REGISTRATION, Kind, Object
from eureka_operator.core.names import MANAGER
from eureka_operator.shell import ownership
from eureka_operator.shell.client import (
    AlreadyThereError,
    ApiError,
    Client,
    RefusedError,
    UnavailableError,
    path_of,
)

STATUS_MANAGER: Final = f"{MANAGER}-status"
"""Owns the fields of the status of an EurekaCluster or EurekaRegistration."""

_log = logging.getLogger(__name__)
_CHUNK: Final = 500
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"
_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_ATTEMPTS: Final = 5
_KEPT_EVENTS: Final = 1024
_KINDS: Final = {(kind.api_version, kind.kind): kind for kind in (CLUSTER, REGISTRATION, *CHILDREN)}


class Kube:
    """Verbs on objects; every one raises what `Client.send` raises, unless it says otherwise.

    `instance` names this process in events: its pod.
    """

    def __init__(self, client: Client, instance: str = "") -> None:
        self._client = client
        self._instance = instance
        self._counts: dict[str, int] = {}

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        selector: str = "",
        *,
        fields: str = "",
        whole: bool = True,
    ) -> list[Object]:
        """All of a kind in a namespace, or in all (`None`), that label and field selectors match.

        Without `whole` they have nothing but their metadata, which is a tenth of the size.
        """
        found: list[Object] = []
        query: dict[str, Any] = {
            "label_selector": selector or None,
            "field_selector": fields or None,
            "limit": _CHUNK,
        }
        while True:
            headers = {} if whole else {"header_params": {"Accept": _METADATA_ONLY}}
            page = await self._client.send("get", path_of(kind, namespace), **headers, **query)
            found += page["items"] or ()  # none at all is `null` where only metadata is asked for
            query["_continue"] = page["metadata"].get("continue")
            if not query["_continue"]:
                break
        for item in found:  # items of a list have no apiVersion and kind
            item["apiVersion"], item["kind"] = kind.api_version, kind.kind
        return found

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object; `None` if there is none."""
        try:
            return await self._client.send("get", path_of(kind, namespace, name))
        except RefusedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    async def create(self, body: Object) -> Object:
        """Create an object that does not exist yet, and own its fields as an applier.

        Raises:
            AlreadyThereError: There is one, whoever made it.
        """
        kind = _kind_of(body)
        path = path_of(kind, body["metadata"]["namespace"])
        made = await self._client.send("post", path, body, field_manager=MANAGER)
        return await self._own_as_applier(kind, made)

    async def read(self, path: str) -> Object:
        """A JSON document that is not an object, whatever its media type is."""
        headers = {"Accept": "application/json, */*"}
        return await self._client.send("get", path, header_params=headers)

    async def store(self, kind: Kind, body: Object) -> Object:
        """Create an object, or replace it as a whole if it was read before (`resourceVersion`).

        Unlike `create` and `apply` it needs no right to patch.
        """
        metadata = body["metadata"]
        if "resourceVersion" not in metadata:
            path = path_of(kind, metadata["namespace"])
            return await self._client.send("post", path, body, field_manager=MANAGER)
        path = path_of(kind, metadata["namespace"], metadata["name"])
        return await self._client.send("put", path, body, field_manager=MANAGER)

    async def apply(self, body: Object, *, uid: str = "", force: bool = True) -> Object:
        """Set the fields as they are in `body` (server-side apply).

        With `uid` it is for that one object only, not for a newer one of the same name
        (`UnavailableError`). Without `force` a field that another manager owns is refused.
        """
        kind = _kind_of(body)
        if uid:
            body = body | {"metadata": body["metadata"] | {"uid": uid}}
        applied = await self._apply(kind, body, "", MANAGER, force=force)
        if ownership.as_applier(applied["metadata"]["managedFields"], MANAGER) is None:
            return applied
        await self._own_as_applier(kind, applied)
        return await self._apply(kind, body, "", MANAGER, force=force)

    async def apply_status(self, body: Object) -> Object:
        """Set the status as it is in `body`, which holds nothing else but names.

        Fields that the served CRD does not have are left out: an apply is refused for them.
        """
        while True:
            try:
                return await self._apply(_kind_of(body), body, "status", STATUS_MANAGER, force=True)
            except RefusedError as error:
                rest: Object = without_fields(body, undeclared_fields(str(error)))
                if rest == body:
                    raise
                body = rest

    async def annotate(
        self, kind: Kind, namespace: str, name: str, annotations: Mapping[str, str | None]
    ) -> None:
        """Set annotations, or remove those that are `None`; an object that is gone is no error."""
        try:
            await self._client.send(
                "patch",
                path_of(kind, namespace, name),
                {"metadata": {"annotations": dict(annotations)}},
                content_type=_MERGE,
                field_manager=MANAGER,
            )
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str, grace_s: int | None = None
    ) -> None:
        """Delete that one object; the objects that it owns follow in the background.

        It is no error if it is gone, or if its name belongs to another object by now. `grace_s`
        `None`: as long as the pod asks for; 0: at once, without waiting for its kubelet.
        """
        options: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        try:
            await self._client.send("delete", path_of(kind, namespace, name), options)
        except (RefusedError, UnavailableError) as error:
            if error.status not in (_NOT_FOUND, _CONFLICT):
                raise

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server has this kind; asks for its group alone."""
        group = "apis" if kind.group else "api"
        try:
            found = await self._client.send("get", f"/{group}/{kind.api_version}")
        except RefusedError as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        return any(resource["name"] == kind.plural for resource in found["resources"])

    async def shows(self, kind: Kind, namespace: str | None) -> bool:
        """Whether the API server has this kind, and lets us list it: in a namespace, or in all."""
        if not await self.serves(kind):
            return False
        try:
            await self._client.send("get", path_of(kind, namespace), limit=1)
        except RefusedError as error:
            if error.status in (_FORBIDDEN, _NOT_FOUND):
                return False
            raise
        return True

    async def post_event(self, about: Object, kind: str, reason: str, message: str) -> None:
        """Post an Event of type `Normal` or `Warning` about an object.

        The same words again raise its count, so there is one line in `kubectl describe`. A failure
        is logged and nothing more: an event is never worth a failed reconcile.
        """
        event = _event(about, kind, reason, message, self._instance)
        try:
            await self._post(event)
        except ApiError as error:
            _log.warning("event %s (%s) was not posted: %s", reason, message, error)

    async def _apply(
        self, kind: Kind, body: Object, subresource: str, manager: str, *, force: bool
    ) -> Object:
        metadata = body["metadata"]
        return await self._client.send(
            "patch",
            path_of(kind, metadata["namespace"], metadata["name"], subresource),
            body,
            content_type=_APPLY,
            field_manager=manager,
            force_conflicts=force,
        )

    async def _own_as_applier(self, kind: Kind, live: Object) -> Object:
        """Turn our `Update` entry into `Apply`, however often a controller is quicker."""
        namespace, name = live["metadata"]["namespace"], live["metadata"]["name"]
        for _ in range(_ATTEMPTS):
            metadata = live["metadata"]
            fields = ownership.as_applier(metadata.get("managedFields", []), MANAGER)
            if fields is None:
                return live
            patch = ownership.patch(fields, metadata["resourceVersion"])
            try:
                return await self._client.send(
                    "patch",
                    path_of(kind, namespace, name),
                    patch,
                    content_type=_JSON_PATCH,
                    field_manager=MANAGER,
                )
            except UnavailableError as error:
                if error.status != _CONFLICT:
                    raise
            live = await self._client.send("get", path_of(kind, namespace, name))
        raise UnavailableError(f"{kind.kind} {namespace}/{name} changes too fast", _CONFLICT)

    async def _post(self, event: Object) -> None:
        namespace, name = event["metadata"]["namespace"], event["metadata"]["name"]
        if name not in self._counts:
            try:
                await self._client.send(
                    "post", path_of(EVENT, namespace), event, field_manager=MANAGER
                )
            except AlreadyThereError:  # by this operator before it was started again
                updated = await self._patch_event(namespace, name, {})
                self._remember(name, int(updated.get("count") or 1))
            else:
                self._remember(name, 1)
                return
        count = self._counts.pop(name) + 1
        try:
            await self._patch_event(
                namespace, name, {"count": count, "lastTimestamp": event["lastTimestamp"]}
            )
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            await self._post(event)  # it expired: the API server keeps events for an hour
        else:
            self._remember(name, count)

    async def _patch_event(self, namespace: str, name: str, fields: Object) -> Object:
        path = path_of(EVENT, namespace, name)
        return await self._client.send(
            "patch", path, fields, content_type=_MERGE, field_manager=MANAGER
        )

    def _remember(self, name: str, count: int) -> None:
        while len(self._counts) >= _KEPT_EVENTS:
            del self._counts[next(iter(self._counts))]
        self._counts[name] = count


def _kind_of(body: Object) -> Kind:
    return _KINDS[body["apiVersion"], body["kind"]]


def _event(about: Object, kind: str, reason: str, message: str, instance: str) -> Object:
    metadata = about["metadata"]
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    words = "\0".join((metadata["uid"], kind, reason, message))
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "namespace": metadata["namespace"],
            "name": f"{metadata['name']}.{hashlib.sha256(words.encode()).hexdigest()[:16]}",
        },
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "type": kind,
        "reason": reason,
        "message": message[:1024],
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "reportingInstance": instance,
    }
