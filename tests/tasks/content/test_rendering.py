import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from tasks.content.merge_tags import parse_source
from tasks.content.rendering import (
    Renderer,
    Scalar,
    Variable,
    defaults_of,
    header_text,
    missing_required,
    read_variables,
    text_of,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def render(
    source: str, values: dict[str, Scalar], *, is_html: bool = False, common: dict[str, Scalar] | None = None
) -> str:
    return Renderer(parse_source(source), is_html=is_html, common=common or {}).render(values)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ("", ""), (True, "true"), (0, "0"), (2.5, "2.5"), (30.0, "30"), ("a\r\nb\x00", "a\nb")],
)
def test_values_read_as_plain_data_does(value: Scalar, text: str) -> None:
    assert text_of(value) == text
    assert render("{{ a }}", {"a": value}) == text
    assert render("{{ a }}{% if x %}{% endif %}", {"a": value}) == text


def test_a_missing_value_takes_the_contents_own_then_the_tags_default() -> None:
    source = '{{ a|default("there") }}'
    assert render(source, {"a": "Ann"}, common={"a": "all"}) == "Ann"
    assert render(source, {"a": ""}, common={"a": "all"}) == "all"
    assert render(source, {"a": None}) == "there"
    assert render(source, {"a": 0}) == "0"


@pytest.mark.parametrize("logic", ["", "{% if x %}{% endif %}"])
def test_values_and_defaults_are_escaped_in_html_and_only_there(logic: str) -> None:
    source = "{{ a }} {{ b|default('<i>') }}" + logic
    assert render(source, {"a": "<b> & \"'"}, is_html=True) == "&lt;b&gt; &amp; &quot;&#x27; &lt;i&gt;"
    assert render(source, {"a": "<b> & \"'"}) == "<b> & \"' <i>"


def test_nothing_switches_escaping_off() -> None:
    for filters in ("|e", "|escape", "|upper", "|default('<B>')|title", "|trim|e|e"):
        assert render(f"{{{{ a{filters} }}}}", {"a": "<B>"}, is_html=True) == "&lt;B&gt;"


def test_conditions_compare_numbers_texts_and_presence() -> None:
    source = '{% if age > 17 and plan in ["pro", "max"] %}A{% elif not plan %}B{% else %}C{% endif %}'
    assert render(source, {"age": 18, "plan": "pro"}) == "A"
    assert render(source, {"age": "18", "plan": "pro"}) == "A"
    assert render(source, {"age": "9", "plan": "pro"}) == "C"
    assert render(source, {}) == "B"
    assert render("{{ 'yes' if a is defined else 'no' }}", {"a": ""}) == "no"


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        ("a < 5", {"a": "4.5"}, True),
        ("a < 5", {"a": "40"}, False),
        ("a < 5", {}, False),
        ("a >= 5", {}, False),
        ("a > 5", {"a": "many"}, False),
        ("a == 5", {"a": "5"}, True),
        ("a != 5", {}, True),
        ("a > -1", {"a": 0}, True),
        ("a < b", {"a": "9", "b": "10"}, True),
        ('a <= "2026-11-23"', {"a": "2026-09-01"}, True),
    ],
)
def test_comparisons_go_by_the_number_a_text_holds(condition: str, values: dict[str, Scalar], holds: bool) -> None:
    assert render(f"{{{{ 'y' if {condition} else 'n' }}}}", values) == ("y" if holds else "n")


@given(st.dictionaries(st.sampled_from("abcd"), scalars))
def test_rendering_never_fails(values: dict[str, Scalar]) -> None:
    source = (
        '{% if a > b or c in "x" or d in [a, 3] or a >= "x" and a ~ b == c %}{{ a|upper|title }}'
        "{% elif not d is defined %}{{ b|lower|capitalize|trim|urlencode }}{% endif %}"
        "{{ (a if b else c)|d(d) }}{{ a|default }}{{ a < -3.5 }}"
    )
    render(source, values, is_html=True)


def test_nothing_of_the_engine_or_of_python_can_be_reached() -> None:
    assert render("{{ debug }}{{ range }}{{ a.__class__ }}{{ loop.index }}{{ a|upper }}", {"a": "x"}) == "X"


def test_a_header_text_is_one_line() -> None:
    assert header_text(" a\r\nBcc: x\x00\u2028\x85\tb ") == "aBcc: x b"
    assert len(header_text("x" * 5000)) == 998


def test_variables_are_read_from_objects_and_bare_keys() -> None:
    variables = read_variables("variables", ["a", {"key": "b", "label": "B", "default": "x", "required": True}])
    assert variables == [Variable("a"), Variable("b", "B", "x", True)]
    assert defaults_of(variables) == {"b": "x"}
    with pytest.raises(InvalidInput) as error:
        read_variables("variables", [{"label": "x"}, 3, {"key": "c", "default": []}])
    assert list(error.value.errors) == ["variables.0.key", "variables.1", "variables.2.default"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [(1, True), ("1", True), ("true", True), (0, False), ("0", False), ("false", False), (None, False)],
)
def test_required_has_the_forms_that_true_and_false_have_elsewhere(written, meant) -> None:
    assert read_variables("variables", [{"key": "a", "required": written}]) == [Variable("a", required=meant)]


def test_all_that_is_wrong_with_a_variable_is_named() -> None:
    with pytest.raises(InvalidInput) as error:
        read_variables(
            "variables", ["a", {"label": 5, "default": {}, "required": "yes"}, {"key": "b", "required": [1]}]
        )
    assert error.value.errors == {
        "variables.1.key": ["The variables.1.key field is required."],
        "variables.1.label": ["The variables.1.label field must be a string."],
        "variables.1.default": ["The variables.1.default field must be a text, a number, true or false."],
        "variables.1.required": ["The variables.1.required field must be true or false."],
        "variables.2.required": ["The variables.2.required field must be true or false."],
    }


def test_a_required_variable_needs_a_value_or_a_default() -> None:
    variables = [Variable("a", required=True), Variable("b", required=True, default="x"), Variable("c")]
    assert missing_required(variables, {"a": ""}) == ["a"]
    assert missing_required(variables, {"a": 0}) == []
