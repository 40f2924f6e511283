from eureka_registry.config.errors import ConfigurationError, nearest


def test_an_error_says_where_what_and_what_is_allowed() -> None:
    """A person who sees one line must know what to change."""
    error = ConfigurationError("flag --port", "'x' is not a whole number", "a whole number")

    assert str(error) == "flag --port: 'x' is not a whole number; allowed: a whole number"
    assert isinstance(error, ValueError)


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    """Misspelt names are often miscapitalised, too."""
    assert nearest("Self_Preservtion", ["self_preservation"]) == "; did you mean self_preservation?"


def test_no_name_is_proposed_when_none_is_like_it() -> None:
    """A wild guess sends people astray."""
    assert nearest("zzz", ["self_preservation"]) == ""
