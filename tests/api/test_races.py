"""Two equal calls at the same moment: one wins, the other is told so, and the counters agree with the rows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from sqlalchemy import text

LATER = {"scheduled_at": "2030-01-01T00:00:00Z"}


def _together(*calls: Callable[[], Any]) -> list[int]:
    """The statuses of calls that begin at the same moment, in order of size."""
    barrier = Barrier(len(calls), timeout=30)

    def run(call: Callable[[], Any]) -> int:
        barrier.wait()
        return int(call().status_code)

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(run, calls))


def test_of_two_equal_moves_one_wins(acme) -> None:
    path = f"/campaigns/{acme.created('/campaigns', {'name': 'C'})['id']}"
    assert _together(*[lambda: acme.post(f"{path}/schedule", LATER)] * 4) == [200, 409, 409, 409]
    assert _together(*[lambda: acme.post(f"{path}/cancel")] * 4) == [200, 409, 409, 409]


def test_of_two_equal_contacts_one_is_created(acme) -> None:
    assert _together(*[lambda: acme.post("/contacts", {"email": "a@example.com"})] * 4) == [201, 422, 422, 422]
    assert acme.get("/contacts").get_json()["data"]["pagination"]["total"] == 1


def test_of_two_equal_suppressions_one_is_new(acme) -> None:
    assert _together(*[lambda: acme.post("/suppressions", {"email": "a@example.com"})] * 4) == [200, 200, 200, 201]


def test_two_new_default_lists_leave_one_default(acme) -> None:
    bodies = [{"name": f"L{n}", "is_default": True} for n in range(4)]
    assert _together(*[lambda body=body: acme.post("/contact-lists", body) for body in bodies]) == [201] * 4
    listed = acme.get("/contact-lists").get_json()["data"]["data"]
    assert sum(each["is_default"] for each in listed) == 1


def test_counters_agree_with_the_rows_after_a_brawl(acme, engine) -> None:
    ids = [acme.created("/contacts", {"email": f"c{n}@example.com"})["id"] for n in range(6)]
    lists = [acme.created("/contact-lists", {"name": name})["id"] for name in ("A", "B")]
    for list_id in lists:
        acme.post(f"/contact-lists/{list_id}/contacts", {"contact_ids": ids[:3]})
    statuses = _together(
        lambda: acme.delete(f"/contacts/{ids[0]}"),
        lambda: acme.delete(f"/contacts/{ids[0]}"),
        lambda: acme.post(f"/contact-lists/{lists[0]}/contacts", {"contact_ids": ids[1:]}),
        lambda: acme.post(f"/contact-lists/{lists[0]}/contacts", {"contact_ids": ids[1:]}),
        lambda: acme.delete(f"/contact-lists/{lists[1]}/contacts/{ids[1]}"),
        lambda: acme.delete(f"/contacts/{ids[2]}"),
    )
    assert set(statuses) <= {200, 404, 422}
    with engine.transaction(None) as session:
        wrong = session.execute(
            text("""
                SELECT name FROM contact_lists l
                WHERE contacts_count <> (SELECT count(*) FROM contact_list_members m WHERE m.list_id = l.id)
                UNION ALL
                SELECT name FROM organizations WHERE contacts_count <> (SELECT count(*) FROM contacts)
            """)
        ).all()
    assert wrong == []
