"""The interactive page and the reference page: complete, and nothing of them comes from elsewhere."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from api.documentation.describe import operations
from api.documentation.pages import prose
from api.openapi_file import read_description

_STATIC = Path(__file__).parents[2] / "api" / "static"


class _Page(HTMLParser):
    """Links, what the page loads, and its ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if tag == "a":
            self.links.append(str(values["href"]))
        if tag in ("script", "link", "img"):
            self.loads.append(str(values.get("src") or values.get("href")))
        self.inline += [name for name in values if name == "style" or name.startswith("on")]


def _get(url: str) -> httpx2.Response:
    answer = httpx2.get(url, timeout=20, trust_env=False)
    assert answer.status_code == 200, url
    return answer


@pytest.fixture(params=["/docs", "/docs/", "/docs/reference"])
def page(request: pytest.FixtureRequest, api_url: str) -> httpx2.Response:
    return _get(f"{api_url}{request.param}")


def test_only_the_own_server_is_asked(page: httpx2.Response) -> None:
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"unsafe|https?:|\*", policy)
    found = _Page(page.text)
    assert found.inline == []
    for loaded in found.loads:
        assert loaded.startswith("data:") or _get(urljoin(str(page.url), loaded)).headers["X-Content-Type-Options"]


def test_links_lead_somewhere(page: httpx2.Response) -> None:
    found = _Page(page.text)
    assert len(set(found.ids)) == len(found.ids)
    for link in set(found.links):
        target, _, anchor = link.partition("#")
        if target:
            _get(urljoin(str(page.url), target))
        assert not anchor or anchor in found.ids


def test_the_reference_has_every_operation_with_its_examples(api_url: str) -> None:
    text = _get(f"{api_url}/docs/reference").text
    found = _Page(text)
    described = list(operations(read_description()))
    assert {operation["operationId"] for _, _, operation in described} <= set(found.ids)
    assert text.count('curl "$API') + text.count("curl -X") + text.count("curl &#34;$API") >= len(described)
    assert text.count("import requests") >= len(described)
    assert f"export API={api_url}/api/v1" in html.unescape(text)


def test_a_description_cannot_bring_markup() -> None:
    assert prose("a `b` <i>\n\nc") == "<p>a <code>b</code> &lt;i&gt;</p><p>c</p>"


def test_what_is_not_ours_comes_with_its_licence() -> None:
    vendored = _STATIC / "swagger-ui"
    assert "Apache License" in (vendored / "LICENSE").read_text()
    assert {file.name for file in vendored.iterdir()} >= {"NOTICE", "swagger-ui-bundle.js.LICENSE.txt"}
