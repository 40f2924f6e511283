"""`inject`: what is printed, what is said of it, and the exit codes."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from unit.kubectl.files import ASKED, CLUSTER, DEPLOYMENT, NAMESPACE, SERVICE, Program


def objects(text: str) -> list[Any]:
    """What kubectl would be given."""
    return [each for each in yaml.safe_load_all(text) if each is not None]


def test_documents_are_printed_in_their_order_and_others_as_they_were(program: Program) -> None:
    """Comments and the way in which they are written are worth keeping."""
    name = program.file("shop.yaml", SERVICE, DEPLOYMENT, CLUSTER)

    done = program("inject", "--offline", "-f", name)

    assert done.code == 0
    assert done.out.startswith(f"{SERVICE}---\napiVersion: apps/v1\nkind: Deployment\n")
    assert done.out.endswith(f"---\n{CLUSTER}")
    (_, deployment, _) = objects(done.out)
    pod = deployment["spec"]["template"]
    assert [each["name"] for each in pod["spec"]["initContainers"]] == ["eureka-sidecar"]
    assert pod["spec"]["initContainers"][0]["image"] == "eurekube/sidecar:0.1.0"
    assert "http://eureka.shop.svc.cluster.local:8761/eureka/" in done.out


def test_every_line_of_a_document_that_is_injected_stays(program: Program) -> None:
    """Git shows what was added, and nothing else."""
    done = program("inject", "--offline", "-f", program.file("a.yaml", CLUSTER, DEPLOYMENT))

    lines = iter(done.out.splitlines())
    assert all(line in lines for line in DEPLOYMENT.splitlines())


def test_decisions_are_a_table_on_standard_error(program: Program) -> None:
    """Standard output is for kubectl."""
    job = DEPLOYMENT.replace("kind: Deployment", "kind: Job").replace("apps/v1", "batch/v1")
    name = program.file("a.yaml", CLUSTER, DEPLOYMENT, job)

    lines = program("inject", "--offline", "-f", name).err.splitlines()

    assert [line.split()[:4] for line in lines[:3]] == [
        ["OBJECT", "RESULT", "REASON", "WHAT"],
        ["Deployment", "shop/orders", "injected", "ok"],
        ["Job", "shop/orders", "skipped", "job_default_off"],
    ]
    assert "Set" in lines[2] or "set" in lines[2], "the cure is in the same line"
    assert lines[3].startswith("note: offline: ")


def test_nothing_is_printed_if_a_pod_is_refused(program: Program) -> None:
    """`| kubectl apply -f -` must not apply a half of it."""
    name = program.file("a.yaml", CLUSTER, DEPLOYMENT, ASKED)

    done = program("inject", "--offline", "-f", name)

    assert (done.code, done.out) == (1, "")
    assert "Pod shop/poller" in done.err
    assert "no_port" in done.err


def test_skipped_document_stays_as_it_is(program: Program) -> None:
    """An annotation would change the template of a Job, which nothing may change."""
    job = DEPLOYMENT.replace("kind: Deployment", "kind: Job # once")
    name = program.file("a.yaml", CLUSTER, job)

    assert program("inject", "--offline", "-f", name).out == f"{CLUSTER}---\n{job}"


def test_second_time_changes_nothing(program: Program) -> None:
    """The webhook finds what `inject` has put there, too."""
    first = program("inject", "--offline", "-f", program.file("a.yaml", CLUSTER, DEPLOYMENT)).out

    assert program("inject", "--offline", "-f", program.file("b.yaml", first)).out == first


def test_pod_that_is_not_to_have_its_sidecar_any_more_loses_it(program: Program) -> None:
    """As by the webhook, when its label says so."""
    first = program("inject", "--offline", "-f", program.file("a.yaml", CLUSTER, DEPLOYMENT)).out
    off = NAMESPACE.replace("enabled", "disabled")

    done = program("inject", "--offline", "-f", program.file("b.yaml", off, first))

    assert done.code == 0
    assert done.out == f"{off}---\n{CLUSTER}---\n{DEPLOYMENT}"


def test_label_of_a_namespace_in_the_files_counts(program: Program) -> None:
    """They are applied together."""
    unlabelled = NAMESPACE.replace("{eurekube.io/inject: enabled}", "{}")

    done = program("inject", "--offline", "-f", program.file("a.yaml", unlabelled, DEPLOYMENT))

    assert "not_selected" in done.err
    assert "eureka-sidecar" not in done.out


@pytest.mark.parametrize(
    ("registry", "urls"),
    [
        ("http://java.example:8761/eureka/", "http://java.example:8761/eureka/"),
        ("infra/main", "http://main.infra.svc.cluster.local:8761/eureka/"),
    ],
)
def test_registry_is_written_to_the_pod(program: Program, registry: str, urls: str) -> None:
    """So the webhook decides the same when the pod is made."""
    name = program.file("a.yaml", DEPLOYMENT)

    done = program("inject", "--offline", f"--registry={registry}", "-f", name)

    (deployment,) = objects(done.out)
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations["eurekube.io/registry"] == registry
    assert f'{{"urls":["{urls}"]}}' in done.out


def test_registry_that_a_pod_names_stays(program: Program) -> None:
    """The flag is for pods that say nothing."""
    own = DEPLOYMENT.replace(
        "      labels:\n        app",
        "      annotations: {eurekube.io/registry: 'http://own/eureka'}\n"
        "      labels:\n        app",
    )

    done = program(
        "inject", "--offline", "--registry=http://a/eureka", "-f", program.file("a.yaml", own)
    )

    assert '{"urls":["http://own/eureka"]}' in done.out
    assert "http://a/" not in done.out


def test_image_of_the_sidecar_can_be_given(program: Program) -> None:
    """A mirror of one's own, where no injector is asked for it."""
    name = program.file("a.yaml", CLUSTER, DEPLOYMENT)

    done = program("inject", "--offline", "--sidecar-image=mirror/sidecar:9", "-f", name)

    assert "image: mirror/sidecar:9\n" in done.out


def test_documents_without_a_namespace_are_in_the_named_one(program: Program) -> None:
    """As with kubectl."""
    name = program.file("a.yaml", CLUSTER, DEPLOYMENT.replace("  namespace: shop\n", ""))

    assert "Deployment shop/orders" in program("inject", "--offline", "-n", "shop", "-f", name).err
    assert "Deployment default/orders" in program("inject", "--offline", "-f", name).err


def test_standard_input_and_folders_are_files_too(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of their names; what is not YAML by its name is left alone."""
    program.file("b.yml", DEPLOYMENT)
    program.file("a.yaml", CLUSTER)
    program.file("README.md", "# no YAML: [")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(SERVICE.encode())))

    done = program("inject", "--offline", "-f", str(program.folder), "-f", "-")

    assert [each["kind"] for each in objects(done.out)] == [
        "EurekaCluster",
        "Deployment",
        "Service",
    ]
    assert done.out.endswith(f"---\n{SERVICE}")


def test_list_of_kubectl_is_injected_item_by_item(program: Program) -> None:
    """`kubectl get -o yaml` prints several objects so."""
    items = [yaml.safe_load(each) for each in (SERVICE, DEPLOYMENT)]
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items})

    done = program("inject", "--offline", "-f", program.file("a.yaml", CLUSTER, text))

    (_, found) = objects(done.out)
    assert found["items"][0] == items[0]
    assert "initContainers" in found["items"][1]["spec"]["template"]["spec"]


def test_skipped_item_of_a_list_stays_as_it_is(program: Program) -> None:
    """Though the list is written anew for the others."""
    job = yaml.safe_load(DEPLOYMENT.replace("kind: Deployment", "kind: Job"))
    text = yaml.safe_dump({"kind": "List", "items": [yaml.safe_load(DEPLOYMENT), job]})

    done = program("inject", "--offline", "-f", program.file("a.yaml", CLUSTER, text))

    (_, found) = objects(done.out)
    assert "initContainers" in found["items"][0]["spec"]["template"]["spec"]
    assert found["items"][1] == job


def test_heading_of_a_document_is_kept(program: Program) -> None:
    """And so it is when the sidecar is taken out again."""
    name = program.file("a.yaml", CLUSTER, f"# Orders of the shop.\n{DEPLOYMENT}")

    injected = program("inject", "--offline", "-f", name).out
    back = program("uninject", "-f", program.file("b.yaml", injected)).out

    assert "---\n# Orders of the shop.\napiVersion: apps/v1\n" in injected
    assert back == f"{CLUSTER}---\n# Orders of the shop.\n{DEPLOYMENT}"


def test_json_is_yaml(program: Program) -> None:
    """`kubectl get -o json` and many programs write it."""
    text = json.dumps(yaml.safe_load(DEPLOYMENT))

    done = program("inject", "--offline", "-f", program.file("a.json", CLUSTER, text))

    assert "initContainers" in objects(done.out)[1]["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["inject"], 2, "required: -f"),
        (["inject", "--offline", "-f", "/none"], 2, "kubectl-eureka: /none: No such file"),
        (["inject", "--offline", "--sidecar-image", "a b", "-f", "-"], 2, "not an image; such as"),
        (["inject", "-f", "FILE"], 3, "there is no kubeconfig"),
        (["inject", "-f", "FILE", "--kubeconfig", "/none"], 2, "kubeconfig /none: there is no"),
        (["inject", "-f", "FILE", "--kubeconfig", "FILE"], 2, "not a kubeconfig"),
        (["inject", "--offline", "-f", "BAD"], 2, "bad.yaml: line 1: not YAML"),
        (["inject", "--offline", "-f", "EMPTY"], 0, "no document has pods"),
    ],
)
def test_exit_code_says_whose_fault_it_is(
    program: Program, words: list[str], code: int, said: str
) -> None:
    """2: of what was typed; 3: of the cluster; and a sentence says what to do."""
    names = {
        "FILE": program.file("a.yaml", NAMESPACE),
        "BAD": program.file("bad.yaml", "a: b: c"),
        "EMPTY": program.file("empty.yaml", ""),
    }

    done = program(*(names.get(each, each) for each in words))

    assert (done.code, done.out) == (code, "")
    assert said in done.err
