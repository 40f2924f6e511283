"""Each shape of a pod through the API server: it has all that is promised, and it is a pod."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cluster.plan import Plan
from eureka_operator.core.injection.config import Config
from eureka_operator.core.injection.decide import Refuse, decide
from eureka_operator.core.injection.documents import inject_document
from eureka_operator.core.injection.patches import apply
from eureka_operator.core.kinds import Object
from kube.injection.chain import Chain
from kube.injection.pods import Pods, have_namespace, normalized
from support.clusterobjects import document
from support.kubectl import Kubectl
from support.standin.client import MERGE, Client, RefusedError
from unit.operator.core.injection.shapes import config, endpoints, registry, shapes

GOLDEN: Final = Path(__file__).parents[2] / "unit" / "operator" / "core" / "injection" / "golden"
SHAPES: Final = shapes()
FLAGGED: Final = frozenset({"70-arm64", "75-urls-not-allowed"})
"""Of an injector with other flags."""
NOT_HERE: Final = frozenset({"59-limit-range", "79-ephemeral", "87-old-kubernetes"})
"""No flag gives all sidecars other resources, no pod is made with ephemeral containers, and this
API server is new enough."""
NOT_ASKED: Final = frozenset(
    {
        "37-mirror-pod",
        "38-kube-system",
        "39-operator",
        "41-pod-off",
        "42-neither",
        "43-label-of-namespace",
    }
)
"""The webhook leaves these out: they are as they came, and cost no call."""
_OWN_NAMES: Final = ("kube-system", "eurekube-system")
_SELECTED: Final = sorted(SHAPES.keys() - NOT_HERE - FLAGGED)
_RUNTIME: Final = "gvisor"
_HASH: Final = re.compile(r'"hash":"[0-9a-f]{16}"')


class World:
    """Namespaces and registries as the shapes have them, each in a namespace of this cluster."""

    def __init__(self, home: str, uid: str) -> None:
        self._home = home
        self._uid = uid

    def namespace(self, name: str) -> Object:
        """The namespace of a shape, by a name that no other shape's kind of namespace has."""
        given = SHAPES[name].namespace
        if given["metadata"]["name"] in _OWN_NAMES:
            return {"metadata": {**given["metadata"], "name": self._own(given["metadata"]["name"])}}
        shape = SHAPES[name]
        is_usual = given == SHAPES["01-one-port"].namespace and shape.registries is None
        is_usual = is_usual and not shape.security
        own = "shop" if is_usual else f"shop-{name[:2]}"
        return {"metadata": {**given["metadata"], "name": own}}

    def place(self, name: str) -> str:
        """What it is called."""
        return str(self.namespace(name)["metadata"]["name"])

    def registries(self, name: str) -> list[tuple[str, str]]:
        """Namespace and name of the registries of a shape."""
        named = SHAPES[name].registries
        given = ["shop/eureka"] if named is None else named
        pairs = [(each.partition("/")[0], each.partition("/")[2]) for each in given]
        return [(self._at(at, name), cluster) for at, cluster in pairs]

    def config(self, name: str, security: Object | None = None, **rest: object) -> Config:
        """What the injectors are run with, as far as it concerns a shape.

        `security` is that of its registries; `None`: as the shape has it.
        """
        injection = SHAPES[name].injection
        spec = SHAPES[name].security if security is None else security
        found = tuple(registry(n, at, injection, **spec) for at, n in self.registries(name))
        return config(registries=found, own_namespace=self._home, cluster_uid=self._uid, **rest)

    def given(self, name: str) -> Object:
        """The pod that the API server gets; one that was injected before was so in this world."""
        first = SHAPES[name].first
        if first is None:
            return SHAPES[name].pod
        config = self.config(name, {}, **first)
        decision = decide(SHAPES[name].pod, self.namespace(name), config)
        return SHAPES[name].after(decision)

    def golden(self, name: str, result: Object) -> Object:
        """The pod that the golden file makes; hash, uid and namespace are this world's."""
        text = (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")
        text = text.replace("0000-kube-system", self._uid)
        for place in ("shop", "infra"):
            text = text.replace(f".{place}.svc.", f".{self._at(place, name)}.svc.")
            text = text.replace(f"eurekube-ca-{place}.", f"eurekube-ca-{self._at(place, name)}.")
        patch = json.dumps(yaml.safe_load(text).get("patch", []))
        hashes = _HASH.findall(json.dumps(result).replace("\\", ""))
        if hashes:
            escaped = json.dumps(hashes[0])[1:-1]
            patch = re.sub(r'\\"hash\\":\\"[0-9a-f]{16}\\"', lambda _: escaped, patch)
        found: Object = apply(self.given(name), json.loads(patch))
        return found

    def _at(self, place: str, name: str) -> str:
        """What a namespace that a shape names is called here."""
        return self.place(name) if place == "shop" else f"{place}-{name[:2]}"

    def _own(self, name: str) -> str:
        return self._home if name == "eurekube-system" else name


@pytest.fixture(scope="module")
def world(release: Chain, api: Kubectl, cluster: Plan) -> Iterator[World]:
    """Injectors that find all of it when they start, so that nothing has to be waited for."""
    uid = api.get("namespace", "kube-system")["metadata"]["uid"]
    found = World(release.home.namespace, uid)
    made = asyncio.run(_make(found, cluster))
    release.have_injectors(2)
    release.decided(found.place("85-spec-injection"))  # its webhook is made by the operator
    yield found
    for each in made:
        api("delete", "namespace", each, "--wait=false")
    api("delete", "runtimeclass", _RUNTIME, "--ignore-not-found")


async def _make(world: World, cluster: Plan) -> list[str]:
    spaces: dict[str, Mapping[str, Any]] = {}
    clusters: dict[tuple[str, str], Object] = {}
    for name in _SELECTED:
        found = world.namespace(name)["metadata"]
        if found["name"].startswith("shop"):
            spaces[found["name"]] = found
        for place, cluster_name in world.registries(name):
            spaces.setdefault(place, {"name": place})
            injection = SHAPES[name].injection
            own_spec = {"injection": injection} if injection else {}
            clusters[place, cluster_name] = {**own_spec, **SHAPES[name].security}
    own = [each for each in spaces if each.startswith(("shop", "infra", "other"))]
    async with Client(cluster.kubeconfig) as client:
        runtime = {"metadata": {"name": _RUNTIME}, "handler": _RUNTIME}
        with contextlib.suppress(RefusedError):  # another file's tests may have left it there
            await client.request("POST", "/apis/node.k8s.io/v1/runtimeclasses", runtime)
        for each in own:
            labels, notes = (spaces[each].get(key, {}) for key in ("labels", "annotations"))
            await have_namespace(client, each, labels, notes)
        for (place, name), spec in clusters.items():
            if place in own:
                await _have_registry(client, place, name, spec)
    return own


async def _have_registry(client: Client, namespace: str, name: str, spec: Object) -> None:
    """An EurekaCluster with the status that the shapes' registries have."""
    path = f"/apis/eurekube.io/v1alpha1/namespaces/{namespace}/eurekaclusters"
    await client.request("POST", path, document(spec, name))
    status = {"status": {"endpoints": endpoints(name, namespace)}}
    await client.request("PATCH", f"{path}/{name}/status", status, MERGE)


@pytest.mark.parametrize("name", _SELECTED)
async def test_shape_is_the_same_by_webhook_by_document_and_by_its_file(
    name: str, world: World, pods: Pods
) -> None:
    """And a pod that has all of it already gets nothing more."""
    given, place = world.given(name), world.place(name)
    decision = decide(given, world.namespace(name), world.config(name))
    if isinstance(decision, Refuse):
        assert decision.finding.message in await pods.refusal(place, given)
        return

    result = normalized(await pods.create(place, given))

    others = [_document(name, world), result]
    if name not in NOT_ASKED and not SHAPES[name].first:
        others.append(world.golden(name, result))
    for each in await asyncio.gather(*(pods.create(place, each) for each in others)):
        assert normalized(each) == result
    assert normalized(await pods.made(place, given)) == result


async def test_shapes_of_other_flags_are_as_their_files_say(
    world: World, chain: Chain, pods: Pods
) -> None:
    """An injector that allows no URLs, and whose sidecars have a digest."""
    image = SHAPES["70-arm64"].config["image"]
    chain.have_injectors(1, "--no-urls", f"--sidecar-image={image}")
    chain.have_no_others()
    try:
        found = await pods.create("shop", world.given("70-arm64"))
        expected = await pods.create("shop", world.golden("70-arm64", found))
        refused = world.given("75-urls-not-allowed")
        config = world.config("75-urls-not-allowed", allow_urls=False)
        decision = decide(refused, world.namespace("75-urls-not-allowed"), config)

        assert normalized(found) == normalized(expected)
        assert found["spec"]["initContainers"][0]["image"] == image
        assert isinstance(decision, Refuse)
        assert decision.finding.message in await pods.refusal("shop", refused)
    finally:
        chain.have_injectors(2)


def _document(name: str, world: World) -> Object:
    """The pod as `inject -f` gives it; itself where the webhook does not ask."""
    pod = {"kind": "Pod", **world.given(name)}
    if name in NOT_ASKED:
        return pod
    found = inject_document(pod, lambda _: world.namespace(name), world.config(name))
    document: Object = found.document
    return document
