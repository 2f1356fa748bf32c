"""Pages of lists."""

import pytest


def _pages(client, path: str) -> dict:
    return client.get(path).get_json()["data"]


def test_pages_are_newest_first_and_end_empty(acme) -> None:
    for n in range(5):
        acme.created("/contacts", {"email": f"c{n}@example.com"})
    first, second, fourth = (_pages(acme, f"/contacts?per_page=2&page={page}") for page in (1, 2, 4))
    assert [each["email"] for each in first["data"]] == ["c4@example.com", "c3@example.com"]
    assert [each["email"] for each in second["data"]] == ["c2@example.com", "c1@example.com"]
    assert first["pagination"] == {"total": 5, "per_page": 2, "current_page": 1, "last_page": 3}
    assert fourth["data"] == []
    assert fourth["pagination"] == {"total": 5, "per_page": 2, "current_page": 4, "last_page": 3}


@pytest.mark.parametrize("path", ["/contacts", "/contact-lists", "/campaigns", "/suppressions"])
def test_an_empty_list_has_one_page(acme, path) -> None:
    assert _pages(acme, path) == {
        "data": [],
        "pagination": {"total": 0, "per_page": 25, "current_page": 1, "last_page": 1},
    }


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=1.5", "per_page=0", "per_page=101", "page=1001&per_page=100"]
)
def test_pages_that_cannot_be_are_refused(acme, query) -> None:
    answer = acme.get(f"/contacts?{query}")
    assert answer.status_code == 422
    assert set(answer.get_json()["errors"]) == {query.split("=")[0]}


def test_a_page_left_empty_is_the_first(acme) -> None:
    assert _pages(acme, "/contacts?page=&per_page=")["pagination"]["current_page"] == 1
    assert _pages(acme, "/contacts?page=1000&per_page=100")["data"] == []
