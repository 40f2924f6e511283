"""An image of the Spring Boot application of the conformance tier, to be run in pods.

Settings go in by `SPRING_APPLICATION_JSON`, or as arguments `--name=value`; it listens at 8080.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from cluster import parts
from cluster.images import Recipe
from cluster.parts import Part, Workshop
from conformance.java.server import BUILD
from support.builds import built, need, output

NAME: Final = "localhost/eurekube/test-spring:test"
_SOURCES: Final = Path(__file__).parents[1] / "conformance" / "java" / "spring"
_JAR: Final = "application.jar"
_MODULES: Final = "java.se,jdk.crypto.ec,jdk.unsupported"
_DOCKERFILE: Final = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY java /opt/java
COPY application.jar /opt/application.jar
USER 65532:65532
ENTRYPOINT ["/opt/java/bin/java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx128m", \
"-jar", "/opt/application.jar"]
"""
"""Starts quickly and stays small: it only holds a lease and calls others."""


def recipe() -> Recipe:
    """How to build the image, with this machine's Java in it.

    Raises:
        NotBuiltError: Java 17 or Maven are missing, or out of reach of what they need.
        BrokenBuildError: the application cannot be built.
        ClusterError: the machine's Java cannot be packed.
    """
    need("jlink")
    project = built("spring-client", _SOURCES, BUILD)
    java = output("jlink", "--version")

    def make(workshop: Workshop) -> None:
        shutil.copy(project / "target" / _JAR, workshop.folder)
        (workshop.folder / "Dockerfile").write_text(_DOCKERFILE)
        smaller = ["--strip-debug", "--no-header-files", "--no-man-pages"]
        workshop.run(["jlink", f"--add-modules={_MODULES}", *smaller, "--output=java"])

    key = f"{java}-{project.name}-{parts.digest(_DOCKERFILE.encode(), _MODULES.encode())}"
    return Recipe(NAME, "Dockerfile", parts.build(Part("spring-image", key, make)))
