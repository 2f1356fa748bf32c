from typing import Any

import pytest

from models.errors import InvalidInput
from tasks.content.merge_tags import LIMITS
from tasks.content.mjml import compile_mjml
from tasks.content.template import Preview, TemplateContent, complete_template, flat_values, render_preview

MJML = """<!-- news -->
<mjml><mj-body><mj-section><mj-column>
<mj-text>Hello {{ first_name|default("<you>") }}</mj-text>
{% if pro > 3 %}<mj-button href="{{ url }}?a=1">Go</mj-button>{% endif %}
</mj-column></mj-section></mj-body></mjml>"""


def test_mjml_becomes_html_and_text_with_its_merge_tags() -> None:
    saved = complete_template(subject="Hi {{ first_name }}", html=None, text=None, mjml=MJML)
    assert saved.html is not None
    assert '{{ first_name|default("<you>") }}' in saved.html
    assert 'href="{{ url }}?a=1"' in saved.html
    assert saved.text is not None
    assert "{% if pro > 3 %}" in saved.text
    assert saved.mjml == MJML


@pytest.mark.parametrize(
    ("mjml", "says"),
    [
        ("<mjml>\n<mj-body>\n<mj-foo>x</mj-foo></mj-body></mjml>", "Line 3: there is no MJML tag <mj-foo>."),
        (
            "<mjml><mj-body>\n<mj-include path='/etc/passwd' /></mj-body></mjml>",
            "Line 2: <mj-include> is not available.",
        ),
        ("<!-- é\n -->\n<mjml>\n<mj-body></mj-text></mj-body></mjml>", "Line 4: unexpected token."),
        ("<p>x</p>", "Line 1: unexpected token."),
        ("<mjml><mj-body>", "The MJML is not well-formed"),
        ("<mjml><mj-body>" + "<mj-wrapper>" * 5000, "nested deeper than 100"),
        ("<mjml><mj-body>\n{{ a </mj-body></mjml>", "Line 2"),
        ("x" * (LIMITS["mjml"] + 1), "may not be longer than 500,000 characters"),
    ],
)
def test_a_mistake_in_mjml_is_reported_with_its_line(mjml: str, says: str) -> None:
    with pytest.raises(InvalidInput) as error:
        compile_mjml(mjml)
    assert list(error.value.errors) == ["mjml_content"]
    assert says in str(error.value)


def test_given_parts_are_kept_as_they_are() -> None:
    parts = {"subject": "s", "html": "<p>\r\nx</p>", "text": "t", "mjml": "<mjml>"}
    assert complete_template(**parts) == TemplateContent(**parts)


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(InvalidInput) as error:
        complete_template(subject="{{ a", html="{{ b", text="{% for %}", mjml=None)
    assert list(error.value.errors) == ["subject_template", "html_content", "text_content"]


def test_a_template_needs_a_subject_and_a_body() -> None:
    for subject, html, field in ((" ", "<p>x</p>", "subject_template"), ("s", " ", "html_content")):
        with pytest.raises(InvalidInput) as error:
            complete_template(subject=subject, html=html, text=None, mjml=None)
        assert list(error.value.errors) == [field]


def test_html_that_could_not_be_sent_is_refused_when_it_is_saved() -> None:
    with pytest.raises(InvalidInput):
        complete_template(subject="s", html="<style>p{x:y} {{ a }}</style><p>x</p>", text="t", mjml=None)


def test_a_preview_shows_what_a_recipient_would_get() -> None:
    preview = render_preview(
        subject="Hi {{ name }}\n",
        html="<style>p{top:0}</style><p>{{ name }} {{ custom_fields.city }}</p>",
        text="{{ name }} {{ custom_fields.city }}",
        variables={"custom_fields.city": "Riga"},
        data={"name": "<Ann>"},
    )
    assert preview.subject == "Hi <Ann>"
    assert preview.html is not None
    assert '<p style="top:0">&lt;Ann&gt; Riga</p>' in preview.html
    assert preview.text == "<Ann> Riga"
    assert render_preview(subject="s", html=None, text=None, variables={}, data={}) == Preview("s", None, None)


def test_values_are_found_by_their_dotted_names() -> None:
    assert flat_values({"a": 1, "custom_fields": {"Home town": "x", "n": None}}, "data") == {
        "a": 1,
        "custom_fields.Home town": "x",
        "custom_fields.n": None,
    }


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"a": [1]}, "data.a"),
        ({"a": {"b": object()}}, "data.a.b"),
        ({"a": "x" * 10_001}, "data.a"),
        ({str(n): n for n in range(201)}, "data"),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, "data.a.b.c.d"),
    ],
)
def test_values_must_be_plain_and_of_a_sane_size(data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        flat_values(data, "data")
    assert list(error.value.errors) == [field]
