"""`make demo`: Eurekube on a Kubernetes, from nothing to services that find each other.

Runs on the cluster that KUBECONFIG names, else on one that it makes. Ctrl-C removes all of it.
On a cluster of yours it makes two namespaces, eurekube-demo and eurekube-demo-operator, and takes
images from where --image-registry says (`make images` builds them).
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from rich.console import Console

from cluster.errors import CannotRunError, ClusterError
from cluster.progress import doing, say
from demo import objects, sessions, where
from demo.errors import DemoError
from demo.forward import forwarded
from demo.look import Look, Watch
from demo.objects import Images
from demo.screen import LiveScreen, PlainScreen, Screen
from demo.where import Place, Target
from support.kubectl import Kubectl

_CANNOT_RUN: Final = 3
_LOOK_EVERY_S: Final = 2.0
_CALLS_WITHIN_S: Final = 90.0
_WAIT: Final = "--timeout=150s"


def main(words: Sequence[str] | None = None) -> int:
    """Run it until Ctrl-C; 3 if it cannot be here, 1 if something went wrong."""
    options = _parser().parse_args(words)
    run = f"{where.RUN}-{os.getpid()}"
    images = Images(options.image_registry, options.image_tag)
    try:
        if options.remove:
            return sessions.run(partial(_remove_any, images))
        place = where.choose(os.environ, images, run)
    except CannotRunError as error:
        say(f"demo: cannot run here: {error}")
        return _CANNOT_RUN
    return sessions.run(partial(_show, place, run), partial(_remove, place))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--image-registry",
        default="",
        metavar="NAME",
        help="with KUBECONFIG: where the images are, as in NAME/eurekube/operator:TAG",
    )
    parser.add_argument(
        "--image-tag", default="", metavar="TAG", help="the same (default: the charts' version)"
    )
    parser.add_argument(
        "--remove", action="store_true", help="remove what a demo that was killed has left, and end"
    )
    return parser


def _show(place: Place, run: str) -> int:
    """Make all of it and show it; ends by an interruption, or when something fails."""
    begun = time.monotonic()
    say(f"the demo runs on {place.title}")
    try:
        with place.cluster() as target:
            shop = _make(target, run)
            with forwarded(shop, "service/eureka") as port:
                _watch(target, Watch(shop, port, objects.SERVICES), port, begun)
    except CannotRunError as error:
        say(f"demo: cannot run here: {error}")
        return _CANNOT_RUN
    except (AssertionError, ClusterError, DemoError) as error:  # kubectl and Helm: AssertionError
        say(f"demo: {error}")
    return 1


def _make(target: Target, run: str) -> Kubectl:
    """The operator, the peers and the services; the kubectl of their namespace."""
    objects.install_operator(target.kubectl, target.helm, target.images, run)
    objects.make_namespace(target.kubectl, objects.SHOP, run, **{"eurekube.io/inject": "enabled"})
    shop = Kubectl(target.kubectl.program, objects.SHOP)
    peers, services = objects.shop(target.images)
    shop.apply(peers)
    with doing("an EurekaCluster: three peers that agree"):
        _wait(shop, "wait", "--for=condition=Ready", "eurekacluster/eureka", _WAIT)
    shop.apply(services)
    with doing("orders, whose pods get a sidecar, and billing, which registers itself"):
        for name in objects.SERVICES:
            _wait(shop, "rollout", "status", f"deployment/{name}", _WAIT)
    return shop


def _wait(shop: Kubectl, *words: str) -> None:
    """Wait with kubectl.

    Raises:
        DemoError: it does not become so; with what a person would look at first.
    """
    done = shop.run_unchecked(*words)
    if done.returncode != 0:
        looks = (("get", "pods", "-o", "wide"), ("describe", "eurekacluster"), ("get", "events"))
        raise DemoError(f"{done.stderr.strip()}\n{shop.describe_all(*looks)}")


def _watch(target: Target, watch: Watch, port: int, begun: float) -> None:
    """Look until all is well, say so, and go on looking until the end.

    Raises:
        DemoError: the services do not call each other within a time that is more than enough.
    """
    with doing("they find each other by name, and call"):
        look = _until_well(watch)
    up = time.monotonic()
    say(f"all is up, {up - begun:.0f} s after the start")
    screen = _screen(target, port)
    try:
        while True:
            screen.show(look, time.monotonic() - up)
            time.sleep(_LOOK_EVERY_S)
            look = watch.look()
    finally:
        screen.end()


def _until_well(watch: Watch) -> Look:
    end = time.monotonic() + _CALLS_WITHIN_S
    while not (look := watch.look()).well:
        if time.monotonic() > end:
            raise DemoError(f"not after {_CALLS_WITHIN_S:g} s; the last look: {look}")
        time.sleep(_LOOK_EVERY_S / 4)
    return look


def _screen(target: Target, port: int) -> Screen:
    url = f"http://localhost:{port}/"
    shop = Kubectl(target.kubectl.program, objects.SHOP)
    alias = f"alias k={shlex.quote(shlex.join(shop.command()))}"
    tries = (
        ("k get ekc,pods", "what there is"),
        ("k delete pod eureka-peer-2", "no call fails; it comes back and agrees"),
        ("k scale ekc eureka --replicas=5", "two more peers, and none restarts"),
        ("k scale deployment orders --replicas=4", "its pods are called as soon as they are UP"),
        (
            "k exec deployment/orders -c eureka-sidecar -- eureka-sidecar status",
            "a sidecar's words",
        ),
    )
    if sys.stdout.isatty():
        return LiveScreen(Console(), url, alias, tries)
    return PlainScreen(sys.stdout, url, alias, tries)


def _remove(place: Place) -> int:
    """Remove what a run has made."""
    try:
        place.remove()
    except (AssertionError, ClusterError) as error:
        say(f"demo: not all is removed: {error}; `make demo ARGS=--remove` tries again")
        return 1
    say("all that the demo has made is removed")
    return 0


def _remove_any(images: Images) -> int:
    """Remove what runs that were killed have left."""
    try:
        found = where.remaining_places(os.environ, images)
    except ClusterError as error:
        say(f"demo: {error}")
        return 1
    return max((_remove(each) for each in found), default=0)


if __name__ == "__main__":
    sys.exit(main())
