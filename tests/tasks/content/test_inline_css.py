import re

import pytest

from models.errors import InvalidInput
from tasks.content.inline_css import inline_css

PAGE = "<!doctype html>\n<html><head><style>{css}</style></head><body>{body}</body></html>"


def page(css: str, body: str) -> str:
    return PAGE.replace("{css}", css).replace("{body}", body)


def body_of(html: str) -> str:
    return html[html.index("<body>") + 6 : html.index("</body>")]


def styles_of(html: str) -> str:
    return "".join(re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL))


def test_rules_become_attributes_and_the_doctype_stays() -> None:
    html = inline_css(page(".a{color:red} p{margin:0}", '<p class="a">x</p>'))
    assert html.startswith("<!doctype html>")
    assert body_of(html) == '<p class="a" style="margin:0; color:red">x</p>'
    assert "<style" not in html


def test_html_without_styles_comes_back_as_it_is() -> None:
    assert inline_css("<p>{{ a }}&nbsp;<BR/>") == "<p>{{ a }}&nbsp;<BR/>"


def test_merge_tags_survive_wherever_they_stand() -> None:
    body = (
        '<a class="a" href="{{ url }}?q={{ q|urlencode }}&amp;x=1" title=\'{{ "<b>"|default("it\'s") }}\'>{{ n }}</a>'
        '<table>{% if a > 3 and b == "<x>" %}<tr><td {% if c %}id="c"{% endif %}>1</td></tr>'
        "{% else %}<tr><td>2</td></tr>{% endif %}</table>"
        "<!--[if mso]>{{ outlook }}<![endif]-->"
    )
    html = inline_css(page(".a{color:{{ brand }};width:{{ w }}px}", body))
    tags = re.findall(r"\{[{%].*?[}%]\}", body)
    assert [
        tag for tag in re.findall(r"\{[{%].*?[}%]\}", body_of(html)) if tag not in ("{{ brand }}", "{{ w }}")
    ] == tags
    assert "color:{{ brand }}; width:{{ w }}px" in html
    assert '{% if a > 3 and b == "<x>" %}<tr><td {% if c %}id="c"' in html


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (".a:hover{color:red}", ".a:hover{color:red !important;}"),
        (".a:is(p){color:rgb(0 0 0 / 50%)}", ".a:is(p){color:rgb(0 0 0 / 50%) !important;}"),
        ("@media (max-width:600px){.a{width:100%}}", "@media (max-width:600px){.a{width:100% !important;}}"),
        (
            "@supports (display:grid){@media print{.a{x:y!important}}}",
            "@supports (display:grid){@media print{.a{x:y !important;}}}",
        ),
        ("@font-face{font-family:x;src:url(y)}", "@font-face{font-family:x;src:url(y)}"),
        ("@keyframes k{from{top:0}}", "@keyframes k{from{top:0}}"),
        ("*{margin:0}", "*{margin:0;}"),
        (".a{&:hover{color:red}}", ".a{&:hover{color:red !important;}}"),
    ],
)
def test_rules_that_only_a_style_can_hold_stay_in_one(rule: str, kept: str) -> None:
    html = inline_css(page(".a{left:1px}" + rule, '<p class="a">x</p>'))
    assert styles_of(html) == kept
    assert body_of(html) == '<p class="a" style="left:1px">x</p>'


@pytest.mark.parametrize(
    ("css", "style"),
    [
        ("color:rgb(0 0 0 / 50%)", "color:rgb(0 0 0 / 50%)"),
        ("color:red;color:rgb(0 0 0 / 50%)", "color:red;color:rgb(0 0 0 / 50%)"),
        ("color:#ff000080 !important", "color:#ff000080 !important"),
        ("width:100px;width:calc(100% - 2px)", "width:100px;width:calc(100% - 2px)"),
        ('grid-area:[a] 1 / "b"', "grid-area:[a] 1 / &quot;b&quot;"),
    ],
)
def test_modern_values_are_inlined_as_they_were_written(css: str, style: str) -> None:
    assert body_of(inline_css(page(f"p{{{css}}}", "<p>x</p>"))) == f'<p style="{style}">x</p>'


def test_modern_values_in_style_attributes_survive_too() -> None:
    html = inline_css(page("p{top:0}", '<p style="color:rgb(1 2 3 / 4%);left:0">x</p>'))
    assert body_of(html) == '<p style="top:0; color:rgb(1 2 3 / 4%); left:0">x</p>'


def test_the_cascade_is_kept() -> None:
    html = inline_css(
        page(
            "#i{top:1px} .a{top:2px;left:2px!important} p{top:3px;left:3px}",
            '<p id="i" class="a" style="left:4px">x</p>',
        )
    )
    style = dict(part.split(":") for part in re.findall(r'style="([^"]*)"', html)[0].split("; "))
    assert style["top"] == "1px"


def test_a_style_with_conditions_and_a_style_for_print_are_left_alone() -> None:
    for style in ("<style>{% if dark %}.a{color:red}{% endif %}</style>", '<style media="print">.a{color:red}</style>'):
        html = inline_css(page("p{top:0}", "<p class='a'>x</p>").replace("</head>", style + "</head>"))
        assert style in html
        assert body_of(html) == '<p class="a" style="top:0">x</p>'


@pytest.mark.parametrize(
    ("html", "says"),
    [
        (page("p{top:0}{{ css }}", "<p>x</p>"), "The tag {{ css }} cannot stand where it stands"),
        (page("p{top:0}", '<p {% if a %}id="a"{% else %}id="b"{% endif %}>x</p>'), ""),
        (page("p{top:0}", "<div>" * 300 + "x" + "</div>" * 300), "nested deeper than 250"),
        (page("p{top:0}" * 3000, "<p>x</p>" * 3000), "too many CSS rules"),
        ("<style>p{top:0}</style>{{ a", "Line 1"),
    ],
)
def test_what_cannot_be_inlined_is_a_clear_error(html: str, says: str) -> None:
    if not says:
        assert "{% else %}" in inline_css(html)
        return
    with pytest.raises(InvalidInput) as error:
        inline_css(html, "html_content")
    assert list(error.value.errors) == ["html_content"]
    assert says in str(error.value)


def test_nothing_is_loaded_from_the_network_or_the_disk() -> None:
    html = page("@import url(http://127.0.0.1:9/x.css); p{top:0}", '<link rel="stylesheet" href="/etc/passwd"><p>x</p>')
    assert "root:" not in inline_css(html)
