"""Bodies made of kept pieces are those made from scratch, whatever happened in between."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eureka_registry.core.application import hashcode
from eureka_registry.core.delta import sorted_changes
from eureka_registry.core.model import DataCenter, Instance, Origin, Status
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.wire import bodies as module
from eureka_registry.wire import pieces
from eureka_registry.wire.bodies import Bodies, Body, Source
from eureka_registry.wire.codecs import Codec, codec_for
from eureka_registry.wire.negotiate import Form, Format
from eureka_registry.wire.segments import Segment, compress

FORMS = [
    Form(format_, compact, v1)
    for format_, compact, v1 in product(Format, (False, True), (False, True))
    if not (v1 and format_ is Format.JSON)
]
JSON = Form(Format.JSON)
XML = Form(Format.XML)


def instance(app: str = "A", instance_id: str = "i", **fields: object) -> Instance:
    """A document."""
    plain = Instance(
        instance_id=instance_id,
        host_name="h",
        app=app,
        ip_addr="1",
        data_center=DataCenter("MyOwn"),
        vip_address="v,w",
        secure_vip_address="s",
        metadata={"k": "<&>"},
    )
    return msgspec.structs.replace(plain, **fields)


def registry() -> Registry:
    """An empty one."""
    return Registry(Rules(), 0)


def full_body(
    bodies: Bodies, sources: Sequence[Source], form: Form, now_ms: int, *, gzip: bool
) -> Body:
    """All applications, encoded at once."""
    body = bodies.full_in_part(sources, form, now_ms, gzip=gzip, most=sys.maxsize)
    assert body is not None
    return body


def delta_body(
    bodies: Bodies, sources: Sequence[Source], form: Form, now_ms: int, *, gzip: bool
) -> Body:
    """What changed lately, encoded at once."""
    body = bodies.delta_in_part(sources, form, now_ms, gzip=gzip, most=sys.maxsize)
    assert body is not None
    return body


def full(registry: Registry, form: Form) -> bytes:
    """The full document without any keeping."""
    codec = codec_for(form)
    texts = []
    for application in registry.applications.values():
        head, tail = codec.application(application.name)
        texts.append(
            head + codec.separator.join(map(codec.instance, application.instances())) + tail
        )
    head, tail = codec.applications("1", registry.hashcode())
    return head + codec.separator.join(texts) + tail


def delta(registry: Registry, form: Form, now_ms: int) -> bytes:
    """The delta without any keeping."""
    registry.delta.forget_old(now_ms)
    codec = codec_for(form)
    texts = []
    for name, application in registry.delta.applications.items():
        head, tail = codec.application(name)
        pieces = [
            (codec.departure if change.departed else codec.instance)(change.instance)
            for change in sorted_changes([application])
        ]
        texts.append(head + codec.separator.join(pieces) + tail)
    head, tail = codec.applications(str(registry.delta.version), registry.hashcode())
    return head + codec.separator.join(texts) + tail


def application(registry: Registry, name: str, form: Form) -> bytes | None:
    """One application without any keeping."""
    if name not in registry.applications:
        return None
    codec = codec_for(form)
    head, tail = codec.alone(name)
    instances = registry.applications[name].instances()
    return head + codec.separator.join(map(codec.instance_alone, instances)) + tail


def by_address(registry: Registry, name: str) -> dict[str, object]:
    """What the instances of an address come to, looked for one by one."""
    found = [
        lease.instance
        for lease in registry.leases()
        if name in (lease.instance.vip_address or "").split(",")
    ]
    counts = Counter(each.status for each in found)
    return {"hash": hashcode(counts.items()), "ids": sorted((i.app, i.id) for i in found)}


def instances_of_json(body: bytes) -> dict[str, object]:
    """The same of a JSON body."""
    listed = json.loads(body)["applications"]
    ids = [
        (app["name"], each["instanceId"])
        for app in listed["application"]
        for each in app["instance"]
    ]
    return {"hash": listed["apps__hashcode"], "ids": sorted(ids)}


Step = tuple[str, str, str, int]
STEP = st.tuples(
    st.sampled_from(["register", "cancel", "renew", "set", "clear", "metadata", "wait"]),
    st.sampled_from("AB"),
    st.sampled_from(["i", "j", "k"]),
    st.integers(0, 4),
)
STEPS = st.lists(STEP, max_size=15)


def take(registry: Registry, step: Step, now_ms: int) -> int:
    """Do one step; gives the time afterwards."""
    what, app, instance_id, number = step
    status = list(Status)[number]
    match what:
        case "register":
            vip = ["v", "w", "v,w", "v,v", None][number]
            registry.register(
                instance(app, instance_id, status=status, vip_address=vip), Origin.CLIENT, now_ms
            )
        case "cancel":
            registry.cancel(app, instance_id, now_ms)
        case "renew":
            registry.renew(app, instance_id, now_ms)
        case "set":
            registry.set_status(app, instance_id, status, now_ms)
        case "clear":
            registry.clear_status(app, instance_id, status, now_ms)
        case "metadata":
            registry.update_metadata(app, instance_id, {"n": str(number)}, now_ms)
        case _:
            return now_ms + number * 60_000
    return now_ms + 1


@settings(max_examples=60)
@given(steps=STEPS, looked=st.lists(st.booleans(), min_size=15, max_size=15))
def test_kept_pieces_never_show(steps: list[Step], looked: list[bool]) -> None:
    """After any changes, in every form, plain and compressed; looked at often or seldom."""
    held, bodies, now_ms = registry(), Bodies(), 1000
    for step, look in zip(
        (*steps, ("wait", "A", "i", 0)), (*looked[: len(steps)], True), strict=True
    ):
        now_ms = take(held, step, now_ms)
        if not look:
            continue
        for form in FORMS:
            for packed in (False, True):
                _compare(held, bodies, form, now_ms, packed=packed)
            for name in ("v", "w", "v,w"):
                vip = bodies.vip([held], name, form, now_ms, secure=False)
                if form.format is Format.JSON:
                    assert instances_of_json(vip.content) == by_address(held, name)


def _compare(held: Registry, bodies: Bodies, form: Form, now_ms: int, *, packed: bool) -> None:
    expected = [full(held, form), delta(held, form, now_ms), application(held, "A", form)]
    got = [
        full_body(bodies, [held], form, now_ms, gzip=packed),
        delta_body(bodies, [held], form, now_ms, gzip=packed),
        bodies.application([held], "A", form, now_ms, gzip=packed),
    ]
    for body, text in zip(got, expected, strict=True):
        if body is None or text is None:
            assert body is None
            assert text is None
            continue
        assert body.gzipped == packed
        plain = gzip.decompress(body.content) if packed else body.content
        assert plain == text
        assert not packed or zlib.decompress(body.content, wbits=31) == text


@settings(max_examples=60)
@given(steps=STEPS, packed=st.booleans(), form=st.sampled_from(FORMS))
def test_a_tag_changes_exactly_when_its_body_does(
    steps: list[Step], form: Form, *, packed: bool
) -> None:
    """Else a client keeps what is old, or fetches again what it has."""
    held, bodies, now_ms = registry(), Bodies(), 1000
    before: list[Body] | None = None
    for step in steps:
        now_ms = take(held, step, now_ms)
        now = [
            full_body(bodies, [held], form, now_ms, gzip=packed),
            delta_body(bodies, [held], form, now_ms, gzip=packed),
            bodies.vip([held], "v", form, now_ms, secure=False),
        ]
        for old, new in zip(before or (), now, strict=before is not None):
            assert (old.tag == new.tag) == (old.content == new.content)
        before = now


@settings(max_examples=100)
@given(
    steps=st.lists(st.tuples(STEP, st.integers(0, 2)), max_size=30),
    most=st.integers(0, 3),
    packed=st.booleans(),
    form=st.sampled_from(FORMS),
)
def test_a_list_that_is_encoded_in_parts_is_the_same(
    steps: list[tuple[Step, int]], most: int, form: Form, *, packed: bool
) -> None:
    """Whatever changes between two parts, in the middle of an application, too."""
    held, bodies, now_ms = registry(), Bodies(), 1000
    for step, parts in steps:
        now_ms = take(held, step, now_ms)
        for _ in range(parts):
            for build in (bodies.full_in_part, bodies.delta_in_part):
                build([held], form, now_ms, gzip=packed, most=most)

    _compare(held, bodies, form, now_ms, packed=packed)


def test_a_list_is_encoded_in_parts_of_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One application or many: others are served in between."""
    counting = Counting()
    monkeypatch.setattr(module, "codec_for", counting.codec)
    for per_app in (1, 7, 100):
        held, bodies, counts = registry(), Bodies(), []
        for number in range(100):
            held.register(instance(f"A{number // per_app}", f"i{number}"), Origin.CLIENT, 1)
        body = None
        while body is None:
            counting.encoded = 0
            body = bodies.full_in_part([held], JSON, 1, gzip=False, most=30)
            counts.append(counting.encoded)

        assert counts == [30, 30, 30, 10]


def test_a_renewal_changes_no_tag() -> None:
    """Nine of ten requests are renewals."""
    held, bodies = registry(), Bodies()
    held.register(instance(), Origin.CLIENT, 1)
    before = full_body(bodies, [held], XML, 1, gzip=True)
    held.renew("A", "i", 2)

    assert full_body(bodies, [held], XML, 2, gzip=True) is before


class Counting:
    """Real encoders that count how often they are asked."""

    def __init__(self) -> None:
        self.encoded = 0

    def codec(self, form: Form) -> Codec:
        """The encoders of a form."""
        codec = codec_for(form)
        counted = {
            name: self._counted(getattr(codec, name))
            for name in ("instance", "departure", "instance_alone")
        }
        return msgspec.structs.replace(codec, **counted)

    def _counted(self, encode: Callable[[Instance], bytes]) -> Callable[[Instance], bytes]:
        def counting(instance: Instance) -> bytes:
            self.encoded += 1
            return encode(instance)

        return counting


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_app", [1, 20, 1000])
def test_one_change_encodes_one_instance_and_packs_two_pieces(
    monkeypatch: pytest.MonkeyPatch, form: Form, per_app: int, *, packed: bool
) -> None:
    """The cost of a change does not grow with the registry, nor with its application."""
    counting, sizes = Counting(), []

    def counted(text: bytes, window: bytes = b"", *, dense: bool = False) -> Segment:
        sizes.append(len(text))
        return compress(text, window, dense=dense)

    monkeypatch.setattr(module, "codec_for", counting.codec)
    monkeypatch.setattr(pieces, "compress", counted)
    held, bodies = registry(), Bodies()
    for number in range(1000):
        held.register(instance(f"A{number // per_app}", f"i{number}"), Origin.CLIENT, 1)
    full_body(bodies, [held], form, 1, gzip=packed)
    assert counting.encoded == 1000
    assert len(sizes) == 0 or len(sizes) > 8
    sizes.clear()
    held.set_status(f"A{555 // per_app}", "i555", Status.DOWN, 2)

    full_body(bodies, [held], form, 2, gzip=packed)

    assert counting.encoded == 1001
    assert len([size for size in sizes if size > 500]) <= 2  # and the frame, which is short
    assert len(sizes) == (4 if packed else 0)


@settings(max_examples=60)
@given(before=STEPS, after=STEPS)
def test_a_delta_leads_from_an_earlier_list_to_the_present_one(
    before: list[Step], after: list[Step]
) -> None:
    """As Java's clients apply it (`DiscoveryClient.updateDelta`): add and replace, then remove."""
    held, bodies, now_ms = registry(), Bodies(), 1000
    for step in before:
        now_ms = take(held, step, now_ms)
    known = _listed(full_body(bodies, [held], JSON, now_ms, gzip=False).content)
    for step in after:
        if step[0] != "wait":  # a client polls more often than a delta forgets
            now_ms = take(held, step, now_ms)

    changes = json.loads(delta_body(bodies, [held], JSON, now_ms, gzip=False).content)[
        "applications"
    ]
    for app in changes["application"]:
        for each in app["instance"]:
            key = (app["name"], each["instanceId"])
            known.pop(key, None)
            if each["actionType"] != "DELETED":
                known[key] = each

    assert known == _listed(full_body(bodies, [held], JSON, now_ms, gzip=False).content)
    counts = Counter(each["status"] for each in known.values())
    assert changes["apps__hashcode"] == hashcode(counts.items())


def _listed(body: bytes) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (app["name"], each["instanceId"]): each
        for app in json.loads(body)["applications"]["application"]
        for each in app["instance"]
    }


def test_a_cache_of_old_bodies_may_be_had() -> None:
    """As old as allowed and no older."""
    held, bodies = registry(), Bodies(max_age_ms=30_000)
    old = full_body(bodies, [held], JSON, 0, gzip=False)
    held.register(instance(), Origin.CLIENT, 1)

    assert full_body(bodies, [held], JSON, 29_999, gzip=False) is old
    assert full_body(bodies, [held], JSON, 30_000, gzip=False).content != old.content


def test_departures_may_be_whole() -> None:
    """As Java writes them."""
    held = registry()
    held.register(instance(metadata={"k": "v" * 500}), Origin.CLIENT, 1)
    held.cancel("A", "i", 2)

    sizes = [
        len(delta_body(Bodies(short_departures=short), [held], JSON, 3, gzip=False).content)
        for short in (True, False)
    ]

    assert sizes[0] + 500 < sizes[1]


def test_several_registries_are_one_list() -> None:
    """Mirrors of other regions; an application of both is listed once."""
    here, there, bodies = registry(), registry(), Bodies()
    here.register(instance("A", "i"), Origin.CLIENT, 1)
    there.register(instance("A", "j"), Origin.CLIENT, 1)
    there.register(instance("B", "k", status=Status.DOWN), Origin.CLIENT, 1)

    body = full_body(bodies, [here, there], JSON, 1, gzip=False).content

    assert instances_of_json(body) == {
        "hash": "DOWN_1_UP_2_",
        "ids": [("A", "i"), ("A", "j"), ("B", "k")],
    }
    assert len(json.loads(body)["applications"]["application"]) == 2


def test_versions_of_two_registries_are_not_confused() -> None:
    """An application moves from one to the other, at the same version there as it had here."""
    here, there, bodies = registry(), registry(), Bodies()
    sources = [here, there]
    here.register(instance("A", "i"), Origin.CLIENT, 1)

    def look() -> list[bytes]:
        alone = bodies.application(sources, "A", JSON, 1, gzip=False)
        assert alone is not None
        return [
            full_body(bodies, sources, JSON, 1, gzip=False).content,
            bodies.vip(sources, "v", JSON, 1, secure=False).content,
            alone.content,
        ]

    before = look()
    here.cancel("A", "i", 2)
    there.register(instance("A", "j"), Origin.CLIENT, 2)

    assert all(b'"i"' in body for body in before)
    assert all(b'"j"' in body and b'"i"' not in body for body in look())


def test_kept_bodies_are_bounded() -> None:
    """Whatever addresses clients invent."""
    held, bodies = registry(), Bodies()
    for number in range(1000):
        bodies.vip([held], f"v{number}", JSON, 0, secure=False)

    assert len(bodies._bodies) <= 256


def test_kept_lists_are_bounded() -> None:
    """Clients name regions as they like, and each set of them is a list of its own."""
    mirrors, bodies = [registry() for _ in range(40)], Bodies()
    for mirror in mirrors:
        mirror.register(instance(), Origin.CLIENT, 1)
        full_body(bodies, [mirror], JSON, 1, gzip=False)

    assert len(bodies._lists) <= 24
    assert full_body(bodies, [mirrors[0]], XML, 1, gzip=False).content == full(mirrors[0], XML)


def test_whole_departures_and_age_may_change_at_any_time() -> None:
    """What is kept must not outlive the rule that it was made by."""
    held, bodies = registry(), Bodies()
    held.register(instance(metadata={"k": "v" * 500}), Origin.CLIENT, 1)
    held.cancel("A", "i", 2)
    short = delta_body(bodies, [held], JSON, 3, gzip=False)

    bodies.adopt(short_departures=False, max_age_ms=30_000)
    whole = delta_body(bodies, [held], JSON, 4, gzip=False)
    assert len(short.content) + 500 < len(whole.content)

    held.register(instance(), Origin.CLIENT, 5)
    assert delta_body(bodies, [held], JSON, 6, gzip=False) is whole
    bodies.adopt(short_departures=False, max_age_ms=0)
    assert delta_body(bodies, [held], JSON, 7, gzip=False) is not whole


def test_secure_addresses_are_apart_from_the_others() -> None:
    """E13: an address of one kind may be that of other instances in the other."""
    held, bodies = registry(), Bodies()
    held.register(instance("A", "a", vip_address="x", secure_vip_address="y"), Origin.CLIENT, 0)
    held.register(instance("B", "b", vip_address="y", secure_vip_address="z"), Origin.CLIENT, 0)

    def found(name: str, *, secure: bool) -> list[str]:
        content = bodies.vip([held], name, JSON, 0, secure=secure).content
        listed = json.loads(content)["applications"]["application"]
        return [each["instanceId"] for application in listed for each in application["instance"]]

    assert {name: found(name, secure=True) for name in "xyz"} == {"x": [], "y": ["a"], "z": ["b"]}
    assert {name: found(name, secure=False) for name in "xyz"} == {"x": ["a"], "y": ["b"], "z": []}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_large_application_is_whole(form: Form) -> None:
    """It is kept in several runs: its name stands before the first, its end behind the last."""
    held, bodies = registry(), Bodies()
    for number in range(120):
        large = instance("LARGE", f"i{number:03}", metadata={"k": "v" * 1_000})
        held.register(large, Origin.CLIENT, 0)
    held.register(instance("SMALL"), Origin.CLIENT, 0)

    for change in range(3):
        held.cancel("LARGE", f"i{change * 40:03}", 1)
        expected = full(held, form)

        assert full_body(bodies, [held], form, 1, gzip=False).content == expected
        assert gzip.decompress(full_body(bodies, [held], form, 1, gzip=True).content) == expected
