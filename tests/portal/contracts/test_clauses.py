"""Model clauses are filled with names as they are; braces in a name are no placeholders."""

from portal.contracts.clauses import Part, filled


def test_names_are_put_in_and_gaps_stay_gaps() -> None:
    parts = filled(
        "{vendor} tells {organisation} within {value} days.", organisation="Halden", vendor="Fennmark"
    )
    assert parts == (Part("Fennmark tells Halden within "), Part("", gap=True), Part(" days."))


def test_a_name_is_never_a_placeholder_or_a_format() -> None:
    parts = filled(
        "{vendor} and {organisation}", organisation="{value} {0}", vendor="{organisation} <b>%s</b>"
    )
    assert parts == (Part("{organisation} <b>%s</b> and {value} {0}"),)


def test_a_clause_may_begin_and_end_with_a_gap() -> None:
    assert filled("{value}{value}", organisation="a", vendor="b") == (Part("", gap=True), Part("", gap=True))
