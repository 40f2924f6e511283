"""What an image is built of, read from its Dockerfile."""

from __future__ import annotations

import pytest

from cluster.images import copied


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("COPY pyproject.toml README.md ./", ["pyproject.toml", "README.md"]),
        ("COPY --chmod=0755 one/two three", ["one/two"]),
        ("COPY --from=build /opt/eurekube /opt/eurekube", []),
        ("# COPY nothing here", []),
    ],
)
def test_files_of_the_context_are_what_an_image_depends_on(line: str, names: list[str]) -> None:
    """One that was overlooked would leave an old image in use after a change of it."""
    assert copied(f"FROM scratch\n{line}\nUSER 65532:65532\n") == names
