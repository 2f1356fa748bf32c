import pytest

from models.errors import InvalidInput
from tasks.content.merge_tags import parse_source
from tasks.content.plain_text import text_from_html
from tasks.content.rendering import Renderer


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<h1>Hello {{ first_name }}</h1><p>Here is your newsletter.</p>",
            "Hello {{ first_name }}\n\nHere is your newsletter.\n",
        ),
        ('<a href="{{ url }}?a=1&amp;b=2">Go</a> now', "[Go]({{ url }}?a=1&b=2) now\n"),
        ("<head><title>t</title><style>p{}</style></head><p>a &amp; b &eacute;</p><script>x()</script>", "a & b é\n"),
        ("<ul><li>a<li>b</ul>", "  * a\n  * b\n".lstrip()),
        ("<p>a</p><br><br><br><p>b</p>", "a\n\nb\n"),
        ('{{ a|default("<b>") }}', '{{ a|default("<b>") }}\n'),
        ("<p style='display:none'>x</p>y", "y\n"),
    ],
)
def test_a_text_says_what_the_html_says(html: str, text: str) -> None:
    assert text_from_html(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<table>{% if pro %}<tr><td>Pro</td></tr>{% else %}<tr><td>Free</td></tr>{% endif %}</table>",
        "<table>\n<!-- rows -->{% if pro %}<!-- a --><tbody><tr><td>Pro</td></tr></tbody>{% else %}"
        "<tr><td>Free</td></tr>{% endif %}</table>",
        "<p>{% if pro %}Pro{% else %}Free{% endif %}</p>",
        "{% if pro %}{% if pro %}<table><tr><td>Pro</td></tr></table>{% endif %}{% else %}<p>Free</p>{% endif %}",
        "<p {% if pro %}class='a'{% endif %}>{{ 'Pro' if pro else 'Free' }}</p>",
    ],
)
def test_conditions_hold_in_the_text_as_in_the_html(html: str) -> None:
    renderer = Renderer(parse_source(text_from_html(html)), is_html=False, common={})
    assert renderer.render({"pro": True}).strip() == "Pro"
    assert renderer.render({"pro": False}).strip() == "Free"


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td>1</td></tr>{% if a %}<caption>q</caption><tr><td>x</td></tr>{% endif %}</table>",
        "{% if a %}<p hidden style='display:none'>x</p>{% endif %}",
        "<div>" * 300 + "x",
    ],
)
def test_a_text_that_would_say_something_else_is_not_made(html: str) -> None:
    with pytest.raises(InvalidInput) as error:
        text_from_html(html, "html_content")
    assert list(error.value.errors) == ["html_content"]
