"""How long webhooks are tried, and the ids of events."""

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from models.rules.ids import id_time, new_id
from models.rules.lifecycle import CAMPAIGN_MOVES, CampaignStatus, Channel
from models.rules.reports import ReportKind
from models.rules.webhooks import (
    ATTEMPTS_MAX,
    JITTER,
    REPORTED,
    RETRY_AFTER_MAX,
    RETRY_SECONDS,
    EventType,
    campaign_event,
    message_event_id,
    rest_seconds,
    retry_in,
)

_CHANCE = st.floats(0, 1)
_HOUR = 3600


@given(st.integers(1, ATTEMPTS_MAX - 1), _CHANCE)
def test_a_wait_is_that_of_the_table_give_or_take_a_fifth(attempts: int, chance: float) -> None:
    wait, planned = retry_in(attempts, chance), RETRY_SECONDS[attempts - 1]
    assert wait is not None
    assert planned * (1 - JITTER) <= wait <= planned * (1 + JITTER)


@given(st.lists(_CHANCE, min_size=ATTEMPTS_MAX, max_size=ATTEMPTS_MAX))
def test_it_is_tried_for_about_a_day_less_and_less_often(chances: list[float]) -> None:
    waits = [retry_in(attempts, chances[attempts - 1]) for attempts in range(1, ATTEMPTS_MAX + 1)]
    assert waits[-1] is None
    known = [wait for wait in waits if wait is not None]
    assert len(known) == ATTEMPTS_MAX - 1
    assert 17 * _HOUR < sum(known) < 27 * _HOUR
    assert sorted(RETRY_SECONDS) == list(RETRY_SECONDS)


@given(st.integers(1, ATTEMPTS_MAX + 5), _CHANCE, st.floats(0, 1e12))
def test_who_asks_for_patience_gets_it_up_to_a_limit_and_no_further_tries(
    attempts: int, chance: float, asked: float
) -> None:
    without, wait = retry_in(attempts, chance), retry_in(attempts, chance, asked)
    assert (without is None) == (wait is None)
    if without is not None and wait is not None:
        assert wait >= max(without, min(asked, RETRY_AFTER_MAX))
        assert wait <= max(without, RETRY_AFTER_MAX)


@given(st.integers(0, 10**9))
def test_an_endpoint_rests_longer_the_longer_it_fails_and_no_longer_than_five_minutes(failures: int) -> None:
    assert 0 <= rest_seconds(failures) <= rest_seconds(failures + 1) <= 300
    assert rest_seconds(4) == 0 < rest_seconds(5)


def test_an_event_has_one_id_however_often_it_is_worked_out() -> None:
    message = new_id()
    ids = {message_event_id(message, event) for event in (EventType.EMAIL_SENT, EventType.EMAIL_FAILED)}
    assert len(ids | {message_event_id(message, EventType.EMAIL_SENT)}) == 2
    assert {each.version for each in ids} == {7}
    assert {id_time(each) for each in ids} == {id_time(message)}
    assert message_event_id(uuid4(), EventType.EMAIL_SENT) not in ids


def test_every_move_of_a_campaign_that_people_wait_for_is_an_event() -> None:
    told = {(target, new): campaign_event(target, is_new_run=new) for target in CampaignStatus for new in (True, False)}
    silent = {target for (target, _), event in told.items() if event is None}
    assert silent == {CampaignStatus.DRAFT, CampaignStatus.SCHEDULED}
    assert told[CampaignStatus.SENDING, True] is EventType.CAMPAIGN_STARTED
    assert told[CampaignStatus.SENDING, False] is EventType.CAMPAIGN_RESUMED
    assert CAMPAIGN_MOVES.keys() == set(Channel)


def test_every_report_is_an_event_but_for_what_an_sms_cannot_be() -> None:
    missing = {(channel, kind) for channel in Channel for kind in ReportKind} - REPORTED.keys()
    assert {kind for channel, kind in missing if channel is Channel.EMAIL} == {ReportKind.FAILED, ReportKind.EXPIRED}
    assert {kind for channel, kind in missing if channel is Channel.SMS} == {
        ReportKind.OPENED,
        ReportKind.CLICKED,
        ReportKind.COMPLAINED,
    }
