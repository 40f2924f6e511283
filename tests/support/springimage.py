"""Images of the conformance tier's Spring Boot programs, to be run in pods.

Settings go in by `SPRING_APPLICATION_JSON`, by variables such as `EUREKA_INSTANCE_HOSTNAME`, or as
arguments `--name=value`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from cluster import parts
from cluster.images import Recipe
from cluster.parts import Part, Workshop
from conformance.java.server import BUILD, server_jar
from support.builds import built, need, output

_SOURCES: Final = Path(__file__).parents[1] / "conformance" / "java" / "spring"
_JAR: Final = "application.jar"
_MODULES: Final = "java.se,jdk.crypto.ec,jdk.unsupported"
_DOCKERFILE: Final = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY java /opt/java
COPY application.jar /opt/application.jar
USER 65532:65532
ENTRYPOINT ["/opt/java/bin/java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XmxHEAP", \
"-jar", "/opt/application.jar"]
"""
"""Starts quickly and stays small."""


def recipe() -> Recipe:
    """How to build the image of the application that holds a lease and calls others, at port 8080.

    Raises:
        NotBuiltError: Java 17 or Maven are missing, or out of reach of what they need.
        BrokenBuildError: the application cannot be built.
        ClusterError: the machine's Java cannot be packed.
    """
    need("jlink")
    jar = built("spring-client", _SOURCES, BUILD) / "target" / _JAR
    return _recipe("spring", jar, "128m")


def server() -> Recipe:
    """How to build the image of the Spring Cloud Eureka Server, at port 8080 if not told another.

    Raises:
        NotBuiltError: Java 17 or Maven are missing, or out of reach of what they need.
        BrokenBuildError: the server cannot be built.
        ClusterError: the machine's Java cannot be packed.
    """
    need("jlink")
    return _recipe("java-eureka", server_jar(), "256m")


def _recipe(name: str, jar: Path, heap: str) -> Recipe:
    """The image `test-NAME` of a jar in its project's `target`, with this machine's Java in it."""
    dockerfile = _DOCKERFILE.replace("HEAP", heap)
    java = output("jlink", "--version")

    def make(workshop: Workshop) -> None:
        shutil.copy(jar, workshop.folder / _JAR)
        (workshop.folder / "Dockerfile").write_text(dockerfile)
        smaller = ["--strip-debug", "--no-header-files", "--no-man-pages"]
        workshop.run(["jlink", f"--add-modules={_MODULES}", *smaller, "--output=java"])

    project = jar.parents[1].name
    key = f"{java}-{project}-{parts.digest(dockerfile.encode(), _MODULES.encode())}"
    folder = parts.build(Part(f"{name}-image", key, make))
    return Recipe(f"localhost/eurekube/test-{name}:test", "Dockerfile", folder)
