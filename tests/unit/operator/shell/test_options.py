"""What the operator is started with."""

from __future__ import annotations

import argparse

import pytest

from eureka_operator.shell.options import (
    InjectorOptions,
    LeaseTimes,
    Options,
    OptionsError,
    add_flags,
    add_injector_flags,
    read,
    read_injector,
)

IN_ORDER = "each must be greater than the next, or two replicas lead at once"
POD = {"POD_NAME": "eurekube-operator-1", "POD_NAMESPACE": "eurekube"}


def options(*words: str, **environment: str) -> Options:
    """What comes of flags and variables."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return read(parser.parse_args(words), POD | environment)


def injector_options(*words: str) -> InjectorOptions:
    """The same for the injector."""
    parser = argparse.ArgumentParser()
    add_injector_flags(parser)
    return read_injector(parser.parse_args(words), POD)


def test_without_flags_everything_has_its_default() -> None:
    """Times of the Lease are client-go's."""
    made = options()

    assert made.lease == LeaseTimes("eurekube-operator", 15, 10.0, 2.0)
    assert (made.namespace, made.pod, made.namespaces) == ("eurekube", "eurekube-operator-1", ())
    assert (made.host, made.port, made.resync_s) == (None, 8080, 60.0)
    assert made.registry_image == "eurekube/registry:0.1.0"


def test_identity_is_new_in_each_process() -> None:
    """One that was started again has to wait for its predecessor's Lease like anybody else."""
    one, other = options().identity, options().identity

    assert one.startswith("eurekube-operator-1_")
    assert one != other


def test_namespaces_are_a_list() -> None:
    """Spaces and repetitions are forgiven."""
    assert options("--namespaces", "a, b,a,").namespaces == ("a", "b")


def test_operator_is_told_what_the_injector_is_told() -> None:
    """It has to decide alike which pods should have a sidecar; it evicts none unless it may."""
    usual = options("--injector=mine")
    made = options("--injector=mine", "--injector-certificates", "--no-urls", "--evict-missed")

    assert (usual.injector, usual.certificates) == ("mine", False)
    assert (usual.allow_urls, usual.evict_missed) == (True, False)
    assert made.certificates
    assert (made.allow_urls, made.evict_missed) == (False, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--namespaces=Prod"], "--namespaces: 'Prod' is not the name of a namespace; such as a,b"),
        (
            ["--lease-duration=10"],
            f"--lease-duration 10, --renew-deadline 10, --retry-period 2: {IN_ORDER}",
        ),
        (
            ["--retry-period=11"],
            f"--lease-duration 15, --renew-deadline 10, --retry-period 11: {IN_ORDER}",
        ),
        (["--retry-period=0"], "--retry-period 0: too small; allowed: 0.1 or more"),
        (["--workers=0"], "--workers 0: too small; allowed: 1 or more"),
        (["--resync=nan"], "--resync nan: too small; allowed: 1 or more"),
        (["--port=70000"], "--port 70000: not a port; allowed: 0 to 65535"),
        (["--cluster-domain=a_b"], "--cluster-domain 'a_b': not a DNS name; such as cluster.local"),
        (
            ["--injector=A_B"],
            "--injector 'A_B': not the name of an object; such as eurekube-injector",
        ),
        (
            ["--injector-certificates"],
            "--injector-certificates: needs --injector NAME",
        ),
        (["--evict-missed"], "--evict-missed: needs --injector NAME"),
        (
            ["--registry-image="],
            "--registry-image '': not an image; such as eurekube/registry:0.1.0",
        ),
    ],
)
def test_value_that_cannot_be_used_is_named_with_what_can(words: list[str], sentence: str) -> None:
    """A crash loop's last line has to say what to write instead."""
    with pytest.raises(OptionsError) as refused:
        options(*words)

    assert str(refused.value) == sentence


def test_injector_without_flags_has_its_defaults() -> None:
    """Everything follows from the name that the chart gives by default."""
    made = injector_options()

    assert made == InjectorOptions("eurekube")
    assert (made.secret, made.port, made.health_port) == ("eurekube-injector-tls", 9443, 8080)
    assert made.sidecar_image == "eurekube/sidecar:0.1.0"


def test_secret_of_the_injector_follows_its_name() -> None:
    """Unless it is given: the operator makes the one with that name."""
    assert injector_options("--name=mine").secret == "mine-tls"  # noqa: S105 - its name
    assert injector_options("--name=mine", "--secret=given").secret == "given"  # noqa: S105


def test_urls_can_be_forbidden() -> None:
    """Then pods cannot tell a registry of anybody's what this cluster runs."""
    assert injector_options().allow_urls
    assert not injector_options("--no-urls").allow_urls


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("--name=A", "--name 'A': not the name of an object; such as eurekube-injector"),
        ("--secret=a/b", "--secret 'a/b': not the name of an object; such as eurekube-injector"),
        ("--health-port=-1", "--health-port -1: not a port; allowed: 0 to 65535"),
        (
            "--sidecar-image=a b",
            "--sidecar-image 'a b': not an image; such as eurekube/sidecar:0.1.0",
        ),
    ],
)
def test_injectors_value_that_cannot_be_used_is_named(word: str, sentence: str) -> None:
    """As of the operator."""
    with pytest.raises(OptionsError) as refused:
        injector_options(word)

    assert str(refused.value) == sentence
