import pytest

from eureka_registry.local.profiles import Document, Profiles, Property, canonical, matches


def document(profile: str = "", **properties: str) -> Document:
    """Return a document; `server__port` is `server.port`."""
    named = {name.replace("__", "."): text for name, text in properties.items()}
    return Document(profile, {canonical(n): Property(n, text) for n, text in named.items()})


@pytest.mark.parametrize(
    ("expression", "active", "expected"),
    [
        ("", [], True),
        ("peer1", ["peer1"], True),
        ("peer1", ["peer2"], False),
        ("peer1,peer2", ["peer2"], True),
        ("!peer1", ["peer2"], True),
        ("!peer1", [], True),
        ("default", [], True),
        ("default", ["peer1"], False),
        ("a & b", ["a"], False),
        ("a & b", ["a", "b"], True),
        ("a | b & c", ["a"], True),
        ("(a | b) & !c", ["b"], True),
        ("(a | b) & !c", ["b", "c"], False),
        ("!(a | b)", ["c"], True),
    ],
)
def test_expressions_hold_as_in_spring(
    expression: str, active: list[str], *, expected: bool
) -> None:
    """`Profiles.of` and the older list with commas."""
    assert matches(expression, active) is expected


@pytest.mark.parametrize("expression", ["a &", "(a", "a)", "a b", "!", "& a", "()", "(" * 5000])
def test_bad_expressions_are_refused(expression: str) -> None:
    """Not read as something else, and not without end."""
    with pytest.raises(ValueError, match="expression of profiles"):
        matches(expression, ["a"])


def test_names_come_from_conditions_and_files_in_their_order() -> None:
    """What is negated, and `default`, is no profile to start."""
    profiles = Profiles(
        [
            document(spring__profiles="b,!c"),
            document(**{"spring.config.activate.on-profile": "a | default"}),
            document("d"),
        ]
    )

    assert profiles.names() == ["b", "a", "d"]


def test_later_documents_win_and_profiles_files_win_over_all() -> None:
    """As `ConfigDataEnvironment` orders them."""
    profiles = Profiles(
        [
            document(x="base"),
            document(spring__profiles="p", x="document"),
            document("q", x="file q"),
            document("p", x="file p"),
        ]
    )

    def last(*active: str) -> str:
        return profiles.active_documents(profiles.expand(active))[-1].value("x")

    assert (last(), last("p"), last("p", "q"), last("q", "p")) == (
        "base",
        "file p",
        "file q",
        "file p",
    )


def test_groups_and_includes_bring_other_profiles() -> None:
    """Included ones before, members behind; circles end."""
    profiles = Profiles(
        [
            document(**{"spring.profiles.group.g": "m1, g, m2", "spring.profiles.include": "i"}),
            document(spring__profiles="m1", **{"spring.profiles.include": "j,m1"}),
        ]
    )

    assert profiles.expand(["g"]) == ["i", "g", "j", "m1", "m2"]
    assert profiles.parts() == {"m1", "m2", "g", "i", "j"}
    assert profiles.groups() == ["g"]


def test_own_documents_are_those_that_count_because_of_the_profile() -> None:
    """A document for `!dev` belongs to no peer."""
    base, own = document(x="1"), document(spring__profiles="p", x="2")
    other = document(spring__profiles="!dev", x="3")

    assert list(Profiles([base, own, other]).own_documents("p")) == [own]


def test_spellings_of_one_name_override_each_other() -> None:
    """Relaxed binding: `serviceUrl` in the base, `service-url` in a profile."""
    assert canonical("eureka.client.serviceUrl[defaultZone]") == canonical(
        "eureka.client.service-url.defaultZone"
    )
