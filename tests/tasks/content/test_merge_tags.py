import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from tasks.content.expressions import TagError
from tasks.content.merge_tags import LIMITS, Logic, Tag, check_source, clean_text, merge_tags, parse_source


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("no tags {# not a comment #} } }}", set()),
        ("{{first_name}} {{ first_name }}", {"first_name"}),
        (
            "{{ custom_fields.city }} {{ custom_fields['Home town'] }}",
            {"custom_fields.city", "custom_fields.Home town"},
        ),
        (
            '{% if plan == "pro" and not age > 3 %}{{ a|default(b) }}{% elif x is defined %}{% endif %}',
            {"plan", "age", "a", "b", "x"},
        ),
        ('{{ "{{ not_a_tag }}" }}', set()),
        ("{{ loop }} {{ self }} {{ range }}", {"loop", "self", "range"}),
    ],
)
def test_the_keys_a_source_needs_are_found(source: str, keys: set[str]) -> None:
    assert merge_tags(source) == keys


def test_a_key_with_or_without_a_text_as_default_needs_no_engine() -> None:
    assert parse_source('Hi {{ a.b|default("you") }}!').parts == ("Hi ", Tag("a.b", "you"), "!")
    assert parse_source("x{{ a|upper }}").parts == ("x", Logic("{{ v0|upper }}", (("a", "v0"),)))


def test_a_condition_is_one_piece_of_logic_and_the_rest_is_not() -> None:
    assert parse_source("x{{ c }}{% if a %}{{ b }}{% else %}{{ a }}{% endif %}y{{ a }}").parts == (
        "x",
        Tag("c", ""),
        Logic("{% if v1 %}{{ v2 }}{% else %}{{ v1 }}{% endif %}", (("a", "v1"), ("b", "v2"))),
        "y",
        Tag("a", ""),
    )


@pytest.mark.parametrize(
    "source", ["x {{- a }} y", "x {{ a -}} y", "x {%- if a %} {% endif %}", "x {% if a %} {% endif -%} y"]
)
def test_tags_that_trim_the_text_around_them_are_rendered_as_a_whole(source: str) -> None:
    (part,) = parse_source(source).parts
    assert isinstance(part, Logic)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("one\ntwo {{ name", "Line 2: the tag '{{ name' is not closed."),
        ("{{ name }", "Line 1: unexpected '}' in the tag '{{ name }'."),
        ("x\n{% if a %}\nx", "Line 2: {% if %} has no {% endif %}."),
        ("{% else %}", "{% else %} has no {% if %}"),
        ("{% if %}{% endif %}", "{% if %} needs a condition"),
        ("{{ a|upper > 3 }}", "> compares a field with"),
        ("{% endif %}", "Line 1:"),
        ("\n\n{% for x in y %}{% endfor %}", "Line 3: {% for %} is not available"),
        ("{% include 'x' %}", "{% include %} is not available"),
        ("{% set x %}", "{% set %} is not available"),
        ("{{ name|shout }}", "there is no filter 'shout'"),
        ("{{ name|safe }}", "there is no filter 'safe'"),
        ("{{ debug() }}", "nothing can be called"),
        ("{{ default('x') }}", "nothing can be called"),
        ("{{ name.upper() }}", "nothing can be called"),
        ("{{ ('x')('y') }}", "nothing can be called"),
        ("{{ 'x' * 100000000 }}", "unexpected '*'"),
        ("{{ '%0999d' % 3 }}", "unexpected '%'"),
        ("{{ ''.__class__ }}", "a dot may only stand between names"),
        ("{{ (a).b }}", "a dot may only stand between names"),
        ("{{ a[b] }}", "[ ] may hold a field's name"),
        ("{{ a - b }}", "unexpected '-'"),
        ("{{ a -1 }}", "values cannot be subtracted"),
        ("{{ (a) -1 }}", "values cannot be subtracted"),
        ("{{ 3 in a }}", "after in there must be a list"),
        ("{{ a is divisibleby(3) }}", "'is divisibleby' is not available"),
        ("{{#if x}}", "unexpected '#'"),
        ("{{}}", "Line 1:"),
        ("{{ " + "not " * 300 + "a }}", "longer than 1000 characters"),
        ("{{ a }}" * 2001, "there are more than 2000 tags"),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_its_line(source: str, says: str) -> None:
    with pytest.raises(TagError) as error:
        parse_source(source)
    assert says in str(error.value)


def test_a_mistake_is_reported_on_the_field() -> None:
    with pytest.raises(InvalidInput) as error:
        check_source("html_content", "<p>\n{{ a", "html")
    assert error.value.errors == {
        "html_content": ["The html_content has a mistake. Line 2: the tag '{{ a' is not closed."]
    }


@pytest.mark.parametrize("kind", ["subject", "html", "text"])
def test_sources_over_the_limit_are_refused(kind: str) -> None:
    check_source(kind, "x" * LIMITS[kind], kind)
    with pytest.raises(InvalidInput):
        check_source(kind, "x" * (LIMITS[kind] + 1), kind)


def test_deep_conditions_are_refused_and_do_not_end_the_process() -> None:
    with pytest.raises(TagError, match="nested deeper than 50"):
        parse_source("{% if a %}" * 900 + "{% endif %}" * 900)


def test_clean_text_has_no_carriage_returns_controls_or_surrogates() -> None:
    assert clean_text("a\r\nb\rc\nd\x00\x1b\ud800\te") == "a\nb\nc\nd?\te"


@given(st.text())
def test_a_parsed_source_is_the_whole_source(text: str) -> None:
    source = clean_text(text)
    try:
        parsed = parse_source(source)
    except TagError:
        return
    assert [source[start:end][:2] in ("{{", "{%") for start, end in parsed.tags] == [True] * len(parsed.tags)
    if not parsed.tags:
        assert "".join(part for part in parsed.parts if isinstance(part, str)) == source
