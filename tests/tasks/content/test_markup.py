"""Html that never ends is read once, or refused, and never looked at from each of its beginnings."""

import contextlib

import pytest

from models.errors import InvalidInput
from tasks.content.inline_css import inline_css
from tasks.content.links import replace_links
from tasks.content.markup import check_ends, start_tags
from tasks.content.mjml import compile_mjml
from tasks.content.plain_text import text_from_html
from tests.support.guards import takes_too_long

LONG = 480_000
OPEN = [
    "<!--",
    "<![CDATA[",
    "<?",
    "<a",
    "<a href='",
    '<a href="',
    "<a =",
    "</a",
    "<style>",
    "<script>",
    "<a " + "b " * 9,
]


@pytest.mark.parametrize("piece", OPEN)
def test_what_never_ends_costs_no_more_than_its_length(piece: str) -> None:
    source = piece * (LONG // len(piece))

    def everything() -> None:
        for work in (inline_css, text_from_html, compile_mjml, lambda html: replace_links(html, str)):
            for html in (source, "{% if a %}x{% endif %}" + source):
                with contextlib.suppress(InvalidInput):
                    work(html)

    assert not takes_too_long(everything, 3.0)


@pytest.mark.parametrize(
    ("html", "says"),
    [
        ("<p>a</p>\n<!-- b", "Line 2: the html has a comment without an end."),
        ("<p>a</p><b", "Line 1: the html has a tag without an end."),
        ("<style>a{}", "Line 1: the html has a <style> without an end."),
        ("<script>1</scripted>", "Line 1: the html has a <script> without an end."),
    ],
)
def test_it_is_refused_with_its_line(html: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_ends(html, "html")
    assert caught.value.errors == {"html": [says]}


@pytest.mark.parametrize("html", ["", "1 < 2 > 0 <3", "<p>a", "<head><body>x", "<!--a--><b>", "a --> b", "<styled>a"])
def test_html_that_browsers_understand_is_taken(html: str) -> None:
    check_ends(html, "html")


@pytest.mark.parametrize(
    ("html", "names"),
    [
        ("<a><B/><br><c d='>' e=\">\" f=g>", ["a", "b", "br", "c"]),
        ("<!--<a>--><b></c><!d><?e><f =g><1><h", ["b", "f"]),
        ("<script><a></script ><b><style><c></style>", ["script", "b", "style"]),
        ("<title><a></title><textarea><b>", ["title", "textarea"]),
        ("<a href='x><b>", []),
    ],
)
def test_tags_are_found_as_browsers_find_them(html: str, names: list[str]) -> None:
    found = list(start_tags(html))
    assert [name for _, name, _ in found] == names
    assert all(html.startswith(tag, at) for at, _, tag in found)


@pytest.mark.parametrize("html", ["{}<p>x</p>{}", "{}<table><tr><td>a</td></tr>{}</table>"])
def test_comments_beside_conditions_are_not_divided_in_every_way(html: str) -> None:
    comments = "<!--x-->" * 40
    source = html.format("{% if a %}" + comments, comments + "{% endif %}")

    def read() -> None:
        with contextlib.suppress(InvalidInput):
            text_from_html(source)

    assert not takes_too_long(read)


def test_blanks_in_a_style_are_passed_once() -> None:
    assert not takes_too_long(lambda: inline_css("<style media=all" + " " * 200_000 + "x>a{b:c}</style>"))


def test_a_title_is_not_missed_in_the_text() -> None:
    assert text_from_html("<head><title>News</title></head>{% if a %}<p>x</p>{% endif %}")
