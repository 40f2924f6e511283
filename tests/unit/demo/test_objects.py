"""What the demo makes: the files of `examples/demo`, and how the chart is told of images."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from demo.objects import FOLDER, SERVICES, Images, program, shop


@pytest.mark.parametrize(
    ("images", "name"),
    [
        (Images(), "eurekube/registry:0.1.0"),
        (Images("registry.example/mirror/"), "registry.example/mirror/eurekube/registry:0.1.0"),
        (Images("localhost", "test"), "localhost/eurekube/registry:test"),
    ],
)
def test_services_run_the_image_that_the_cluster_has(images: Images, name: str) -> None:
    """And nothing else of the file is changed."""
    _, services = shop(images)
    _, *deployments = yaml.safe_load_all(services)

    assert [*_images(deployments)] == [name, name]
    written = [*yaml.safe_load_all((FOLDER / "shop.yaml").read_text())][1:]
    for each, image in zip(written, _images(deployments), strict=True):
        each["spec"]["template"]["spec"]["containers"][0]["image"] = image
    assert deployments == written


def test_chart_is_told_of_all_images() -> None:
    """One value prefixes them; a tag is that of each."""
    assert Images().values == ["--set-string=image.registry="]
    assert Images("here", "test").values == [
        "--set-string=image.registry=here",
        "--set-string=image.tag=test",
        "--set-string=registryImage.tag=test",
        "--set-string=sidecarImage.tag=test",
    ]


def test_services_find_their_program() -> None:
    """In the ConfigMap that they mount, by the name that they start."""
    _, services = shop(Images())
    config, *deployments = yaml.safe_load_all(services)

    assert config == json.loads(program())
    assert sorted(each["metadata"]["name"] for each in deployments) == sorted(SERVICES)
    for each in deployments:
        pod = each["spec"]["template"]["spec"]
        assert pod["volumes"][0]["configMap"]["name"] == config["metadata"]["name"]
        folder = pod["containers"][0]["volumeMounts"][0]["mountPath"]
        (file,) = config["data"]
        assert pod["containers"][0]["command"][-1] == f"{folder}/{file}"


def _images(deployments: list[dict[str, Any]]) -> list[str]:
    return [each["spec"]["template"]["spec"]["containers"][0]["image"] for each in deployments]
