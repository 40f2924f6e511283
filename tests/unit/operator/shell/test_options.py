"""What the operator is started with."""

from __future__ import annotations

import argparse

import pytest

from eureka_operator.shell.options import LeaseTimes, Options, OptionsError, add_flags, read

IN_ORDER = "each must be greater than the next, or two replicas lead at once"
POD = {"POD_NAME": "eurekube-operator-1", "POD_NAMESPACE": "eurekube"}


def options(*words: str, **environment: str) -> Options:
    """What comes of flags and variables."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return read(parser.parse_args(words), POD | environment)


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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--namespaces=Prod"], "--namespaces: 'Prod' is no name of a namespace; such as a,b"),
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
        (["--port=70000"], "--port 70000: no port; allowed: 0 to 65535"),
        (["--cluster-domain=a_b"], "--cluster-domain 'a_b': no DNS name; such as cluster.local"),
        (["--registry-image="], "--registry-image '': no image; such as eurekube/registry:0.1.0"),
    ],
)
def test_value_that_cannot_be_used_is_named_with_what_can(words: list[str], sentence: str) -> None:
    """A crash loop's last line has to say what to write instead."""
    with pytest.raises(OptionsError) as refused:
        options(*words)

    assert str(refused.value) == sentence
