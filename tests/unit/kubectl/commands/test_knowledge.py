"""Which namespace and which kubeconfig are meant."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import yaml

from kubectl_eureka.commands.knowledge import namespace_of
from kubectl_eureka.shell import options
from kubectl_eureka.shell.errors import UsageError
from kubectl_eureka.shell.options import Look
from unit.kubectl.files import Program

CONTEXTS = {"here": "shop", "there": "infra", "bare": None}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """A file with several contexts, of which `here` is the current one."""
    contexts = [
        {
            "name": name,
            "context": {"cluster": "c", "user": "u", **({"namespace": at} if at else {})},
        }
        for name, at in CONTEXTS.items()
    ]
    document = {
        "kind": "Config",
        "current-context": "here",
        "contexts": contexts,
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    ("context", "namespace", "expected"),
    [
        (None, "", "shop"),
        ("there", "", "infra"),
        ("bare", "", "default"),
        ("gone", "", "default"),
        ("there", "own", "own"),
    ],
)
def test_namespace_is_that_of_the_context(
    kubeconfig: Path, context: str | None, namespace: str, expected: str
) -> None:
    """As with kubectl."""
    look = Look(namespace=namespace, kubeconfig=kubeconfig, context=context)

    assert namespace_of(look) == expected


def test_without_a_kubeconfig_it_is_the_default_one() -> None:
    """Also where there is one that must not be looked at."""
    assert namespace_of(Look()) == "default"
    assert namespace_of(Look(kubeconfig=Path("/none"), offline=True)) == "default"


def test_kubeconfig_is_looked_for_as_kubectl_does(
    program: Program, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag, the variable with several files, the home folder."""
    assert _read().kubeconfig is None
    usual = program.folder / ".kube" / "config"
    usual.parent.mkdir()
    usual.write_bytes(kubeconfig.read_bytes())
    assert _read().kubeconfig == usual

    several = f"/none:{kubeconfig}"
    monkeypatch.setenv("KUBECONFIG", several)
    assert _read().kubeconfig == Path(several)
    assert namespace_of(_read()) == "shop"
    assert _read(f"--kubeconfig={usual}").kubeconfig == usual
    assert _read("--offline").kubeconfig is None

    monkeypatch.setenv("KUBECONFIG", "/none:/neither")
    with pytest.raises(UsageError, match="kubeconfig /none:/neither: there is no such file"):
        _read()


def _read(*words: str) -> Look:
    parser = argparse.ArgumentParser()
    options.add_flags(parser)
    return options.read(parser.parse_args(words))
