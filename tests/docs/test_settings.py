"""docs/settings.md says what the class Settings does."""

from tests.support.settings_table import PAGE, table, with_table


def test_the_page_is_the_class_as_a_table() -> None:
    page = PAGE.read_text()
    assert page == with_table(page), "Run `python -m tests.support.settings_table`."


def test_every_setting_says_what_it_is_for() -> None:
    rows = table().splitlines()[2:]
    assert len(rows) > 20
    assert all(row.count("|") - row.count("\\|") == 5 for row in rows)
    assert not [row for row in rows if row.endswith("|  |")]
