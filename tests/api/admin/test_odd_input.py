"""What no browser sends by itself: it is refused, or means nothing, and never ends in an error of the server."""

import pytest

from tests.support.panel import problems

_TOKENS = "/admin/tokens"
_LOGIN = "/admin/login"


@pytest.mark.parametrize("path", ["/admin/organizations", "/admin/audit-log", "/admin/sender-ids"])
@pytest.mark.parametrize("query", ["a%00b=1", "page=%00", "page=9999999999", "status=%00&actor=%00", "%00", "form=%00"])
def test_a_query_that_makes_no_sense_is_left_out(rita, path, query) -> None:
    assert rita.get(f"{path}?{query}").status_code == 200


def test_a_field_whose_name_is_no_text_is_refused(rita) -> None:
    form = rita.form("/admin/organizations/new", "/admin/organizations/new") | {"a\x00b": "1"}
    assert rita.send("/admin/organizations/new", form).status_code == 422


@pytest.mark.parametrize("day", ["9999-12-31", "10000-01-01", "0001-01-01", "2026-02-30", "\x00"])
def test_a_day_at_the_end_of_time_is_no_last_day_of_a_token(olga, day) -> None:
    answer = olga.submit(_TOKENS, _TOKENS, name="Odd", expires_on=day)
    assert answer.status_code == 422
    assert problems(answer)


@pytest.mark.parametrize("wanted", ["//[", "http://[", "/admin/\r\nX-Evil: 1", "/admin/\x00", "/admin/\t", "/admin/é"])
def test_a_page_that_is_none_does_not_keep_anybody_from_logging_in(olga, wanted) -> None:
    form = {**olga.form(_LOGIN, _LOGIN), "email": olga.email, "password": "a good long password", "next": wanted}
    answer = olga.send(_LOGIN, form)
    assert answer.status_code == 303
    assert answer.location.startswith("/admin/")
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-1", "0", "1e99", "0.00001", "1,5", "0x10"])
def test_what_is_no_amount_is_not_booked(rita, acme, amount) -> None:
    path = f"/admin/organizations/{acme.organization_id}"
    answer = rita.submit(path, f"{path}/top-ups", amount=amount, reference="odd")
    assert (answer.status_code, problems(answer)) == (422, ["The amount field must be an amount."])


def test_a_top_up_beyond_what_a_balance_holds_is_refused(rita, acme) -> None:
    path = f"/admin/organizations/{acme.organization_id}"
    assert rita.submit(path, f"{path}/top-ups", amount="9999999999.9999", reference="one").status_code == 303
    answer = rita.submit(path, f"{path}/top-ups", amount="0.0001", reference="two")
    assert answer.status_code == 422
    assert problems(answer) == ["The balance would be above 9999999999.9999."]
