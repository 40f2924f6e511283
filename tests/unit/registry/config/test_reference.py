from pathlib import Path

from eureka_registry.config.reference import markdown
from eureka_registry.config.table import SETTINGS

PAGE = Path(__file__).parents[4] / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    """`python -m eureka_registry.config.reference > docs/configuration.md` mends it."""
    assert PAGE.read_text() == markdown()


def test_the_page_shows_every_setting() -> None:
    """With flag, variable and, where there is one, Java's name."""
    page = markdown()

    assert all(f"### `{name}`" in page for name in SETTINGS)
    assert "`--self-preservation`, `--no-self-preservation`" in page
    assert "`eureka.client.service-url.<key>`" in page
    assert "`EUREKA_PEERS`" in page
