"""Links in the documentation lead somewhere."""

import re
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parents[2]
_PAGES = sorted([*_PROJECT.glob("*.md"), *(_PROJECT / "docs").rglob("*.md")])
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
# A file of the project that a text names in backticks: `tasks/runs/plan.py`.
_NAMED = re.compile(r"`((?:api|deployments|flows|models|tasks|tests|docs|benchmarks)/[\w/.-]+\.\w+)`")


def _name(page: Path) -> str:
    return str(page.relative_to(_PROJECT))


def _anchors(page: Path) -> set[str]:
    """Headings, as the usual viewers make them into anchors."""
    headings = re.findall(r"^#+ (.*)$", _CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_files_that_are_named_are_there(page: Path) -> None:
    named = {name for name in _NAMED.findall(page.read_text()) if "<" not in name}
    assert not [name for name in sorted(named) if not (_PROJECT / name).exists()]


def test_every_page_is_listed_where_readers_begin() -> None:
    listed = (_PROJECT / "docs" / "README.md").read_text()
    pages = {path.name for path in (_PROJECT / "docs").glob("*.md")} - {"README.md"}
    assert not [name for name in sorted(pages) if f"({name})" not in listed]


def test_every_decision_is_listed_and_short() -> None:
    folder = _PROJECT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    for record in sorted(folder.glob("0*.md")):
        assert f"]({record.name})" in listed
        text = record.read_text()
        assert len(text.splitlines()) <= 40
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequence")), record.name


def test_decisions_that_the_code_names_are_there() -> None:
    named = set()
    for package in ("api", "deployments", "flows", "models", "tasks"):
        for module in (_PROJECT / package).rglob("*.py"):
            named |= set(re.findall(r"docs/[\w/.-]+\.(?:md|json|svg)", module.read_text()))
    assert named
    assert not [name for name in sorted(named) if not (_PROJECT / name).exists()]
