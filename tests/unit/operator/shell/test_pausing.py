"""Pauses by annotation at a real registry."""

from __future__ import annotations

from eureka_operator.core.pods import PAUSED_BY_OPERATOR, Pod
from eureka_operator.shell.pausing import Pauser
from unit.operator.shell.world import ID, World, pod, world

POD_PATH = "/api/v1/namespaces/shop/pods/orders-1"


async def pause(found: World, *pods: Pod) -> None:
    """Do one turn."""
    pauser = Pauser(found.kube, found.metrics, lambda: True)
    await pauser.pause(pods, await found.readings())


def record(found: World) -> str | None:
    """The annotation that was last written."""
    path, body = found.api.written[-1]
    assert path == POD_PATH
    value: str | None = body["metadata"]["annotations"][PAUSED_BY_OPERATOR]
    return value


async def test_annotation_pauses_and_its_removal_resumes() -> None:
    """And the record is gone after that."""
    async with world() as found:
        await found.register()
        await pause(found, pod(paused=True))
        assert await found.status() == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")
        made = record(found)
        assert made

        await pause(found, pod(paused=True, paused_by_operator=made))
        await pause(found, pod(paused_by_operator=made))
        assert await found.status() == ("UP", "UNKNOWN")
        await pause(found, pod(paused_by_operator=made))

        assert record(found) is None
        assert len(found.api.written) == 2
    assert [(kind, reason) for kind, reason, _ in found.api.event_list] == [
        ("Pod", "Paused"),
        ("Pod", "Resumed"),
    ]


async def test_pause_outlives_a_registry_that_lost_everything() -> None:
    """A new leader goes by the pod's annotations alone."""
    async with world() as found:
        await found.register()
        await pause(found, pod(paused=True))
        await found.registry.remove("ORDERS", ID)
        await found.register()
        assert await found.status() == ("UP", "UNKNOWN")

        await pause(found, pod(paused=True, paused_by_operator=record(found) or ""))

        assert await found.status() == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")


async def test_override_by_hand_is_not_lifted() -> None:
    """Neither before the pod was paused, nor after."""
    async with world() as found:
        await found.register()
        await found.registry.override("ORDERS", ID, "OUT_OF_SERVICE")
        await pause(found, pod())
        await pause(found, pod(paused=True))
        await pause(found, pod())

        assert await found.status() == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")
    assert found.api.written == []


async def test_registration_of_the_sidecar_does_not_undo_a_pause() -> None:
    """It registers with new metadata before its kubelet has told it of the pause."""
    async with world() as found:
        await found.register()
        await pause(found, pod(paused=True))
        await found.register(1, zone="b")

        assert await found.status() == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")


async def test_override_of_the_sidecar_is_lifted_for_it() -> None:
    """It made one first, and was down when the annotation was removed."""
    async with world() as found:
        await found.register()
        pauser = Pauser(found.kube, found.metrics, lambda: True)
        await pauser.pause([pod()], await found.readings())
        await found.registry.override("ORDERS", ID, "OUT_OF_SERVICE")
        await pauser.pause([pod(paused=True)], await found.readings())
        made = record(found) or ""
        await pauser.pause([pod(paused_by_operator=made)], await found.readings())

        assert await found.status() == ("UP", "UNKNOWN")


async def test_override_by_hand_after_a_pause_is_not_lifted() -> None:
    """Even if the one of the pause was the sidecar's."""
    async with world() as found:
        await found.register()
        pauser = Pauser(found.kube, found.metrics, lambda: True)
        await pauser.pause([pod()], await found.readings())
        await found.registry.override("ORDERS", ID, "OUT_OF_SERVICE")
        await pauser.pause([pod(paused=True)], await found.readings())
        made = record(found) or ""
        await pauser.pause([pod(paused_by_operator=made)], await found.readings())
        await found.registry.override("ORDERS", ID, "OUT_OF_SERVICE")
        await pauser.pause([pod()], await found.readings())

        assert await found.status() == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")


async def test_override_that_could_not_be_recorded_is_recorded_later() -> None:
    """It appears once; the API server did not answer then."""
    async with world() as found:
        await found.register()
        pauser = Pauser(found.kube, found.metrics, lambda: True)
        await pauser.pause([pod()], await found.readings())
        await found.registry.override("ORDERS", ID, "OUT_OF_SERVICE")
        found.api.failing[POD_PATH] = 503
        await pauser.pause([pod(paused=True)], await found.readings())
        assert found.api.written == []
        del found.api.failing[POD_PATH]
        await pauser.pause([pod(paused=True)], await found.readings())

        assert "orders-1" in (record(found) or "")


async def test_successor_of_a_paused_pod_is_not_paused() -> None:
    """A StatefulSet's pod was killed; the next one registers over its lease, override and all."""
    async with world() as found:
        await found.register()
        pauser = Pauser(found.kube, found.metrics, lambda: True)
        await pauser.pause([pod(paused=True)], await found.readings())
        made = record(found) or ""
        await pauser.pause([pod(paused=True, paused_by_operator=made)], await found.readings())
        await found.register(1, pod_uid="uid-2")
        assert await found.status() == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")

        await pauser.pause([], await found.readings())
        await pauser.pause([pod(uid="uid-2")], await found.readings())

        assert await found.status() == ("UNKNOWN", "UNKNOWN")


async def test_override_by_hand_outlives_pause_and_successor() -> None:
    """What was there before the pod was paused is on record for nobody."""
    async with world() as found:
        await found.register()
        await found.registry.override("ORDERS", ID, "OUT_OF_SERVICE")
        pauser = Pauser(found.kube, found.metrics, lambda: True)
        for each in (pod(), pod(paused=True), pod()):
            await pauser.pause([each], await found.readings())
        await found.register(1, pod_uid="uid-2")
        await pauser.pause([pod(uid="uid-2")], await found.readings())

        assert await found.status() == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")


async def test_nothing_is_overridden_that_cannot_be_recorded() -> None:
    """Else nobody would know later whose override it is. Other pods are paused all the same."""
    async with world() as found:
        await found.register(1)
        await found.register(2)
        found.api.failing[POD_PATH] = 503
        await pause(found, pod(1, paused=True), pod(2, paused=True))

        assert await found.status(1) == ("UP", "UNKNOWN")
        assert await found.status(2) == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")


async def test_replica_that_does_not_lead_any_more_overrides_nothing() -> None:
    """Another one has begun."""
    async with world() as found:
        await found.register()
        pauser = Pauser(found.kube, found.metrics, lambda: False)
        await pauser.pause([pod(paused=True)], await found.readings())

        assert await found.status() == ("UP", "UNKNOWN")


async def test_failed_application_is_not_shown_as_up_after_a_pause() -> None:
    """It was DOWN all the time; its sidecar says so with the next renewal, which is not found."""
    async with world() as found:
        await found.register()
        await found.peer.reg(
            "ORDERS", ID, status="DOWN", metadata=dict(_metadata()), lastDirtyTimestamp=_LATER
        )
        await pause(found, pod(paused=True))
        made = record(found) or ""
        await pause(found, pod(paused_by_operator=made))

        assert await found.status() == ("UNKNOWN", "UNKNOWN")
        renewal = await found.peer.put(f"/apps/ORDERS/{ID}?status=DOWN")
        assert renewal.status == 404


_LATER = 1_700_000_001_000


def _metadata() -> dict[str, str]:
    return {"pod-name": "orders-1", "pod-uid": "uid-1", "namespace": "shop"}
