"""What is the same for all vendors: what a request's fate means, and that one message's trouble is its own."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import pytest

from deployments.http_sink import serving
from tasks.providers.base import Merge, MergeContent, OutcomeKind, OutgoingMessage
from tasks.providers.http_exchange import Answer, retry_after_seconds
from tasks.providers.http_provider import HttpProvider, by_status
from tasks.providers.vendors.mailgun import Mailgun
from tasks.providers.vendors.twilio import Twilio
from tests.support.http_api import account_at, address, provider_at, sink_state, texts
from tests.support.http_server import answering, listening

ACCEPTED, REJECTED, UNCERTAIN, UNSENT = (
    OutcomeKind.ACCEPTED,
    OutcomeKind.REJECTED,
    OutcomeKind.UNCERTAIN,
    OutcomeKind.UNSENT,
)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


def test_every_status_means_something_and_only_words_of_success_are_one():
    kinds = {status: by_status(status) for status in range(200, 600)}
    assert ACCEPTED not in kinds.values()
    assert {kinds[status] for status in (200, 201, 204, 500, 502, 504, 599)} == {UNCERTAIN}
    assert {kinds[status] for status in (301, 307, 401, 403, 404)} == {UNSENT}
    assert {kinds[status] for status in (400, 405, 413, 422)} == {REJECTED}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (" 120 ", 120.0), ("99999999999", 86400.0), ("", None), ("soon", None), ("-5", None), ("1.5", None)],
)
def test_retry_after_in_seconds(header, seconds):
    assert retry_after_seconds(header) == seconds


def test_retry_after_as_a_date():
    later = datetime.now(UTC) + timedelta(seconds=100)
    assert 95 < (retry_after_seconds(format_datetime(later, usegmt=True)) or 0) <= 100
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_a_message_that_no_request_can_be_made_of_fails_alone(log, run_in):
    broken = OutgoingMessage(uuid4(), "EXOSMS", "+37120000009", b"\xff not UTF-8")
    messages = [*texts(2), broken, *texts(["+37120000008"])]

    async def main():
        async with serving(sink_state("twilio", log)) as port:
            provider = provider_at("twilio", address("twilio", port))
            try:
                return await provider.send(messages)
            finally:
                await provider.close()

    outcomes = run_in(main())
    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, ACCEPTED, REJECTED, ACCEPTED]
    assert outcomes[2].code == "content"


def test_an_answer_that_breaks_the_vendors_code_is_in_doubt(log, run_in, caplog):
    class Broken(Twilio):
        def references(self, answer: Answer, messages):
            raise KeyError("sid")

    async def main():
        async with serving(sink_state("twilio", log)) as port:
            provider = HttpProvider(Broken(account_at("twilio", port)))
            try:
                return await provider.send(texts(2))
            finally:
                await provider.close()

    assert [(outcome.kind, outcome.code) for outcome in run_in(main())] == [(UNCERTAIN, "protocol")] * 2


def test_too_many_requests_is_a_pause_even_where_none_is_named(run_in):
    async def main():
        handle = answering(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
        async with listening(handle) as port:
            provider = HttpProvider(Twilio(account_at("twilio", port)))
            try:
                return await provider.send(texts(1))
            finally:
                await provider.close()

    [outcome] = run_in(main())
    assert (outcome.code, outcome.retry_after_seconds) == ("429", 1.0)


@pytest.mark.parametrize("how", ["cancel", "abort"])
def test_what_is_stopped_while_a_refused_batch_is_divided_is_unsent(log, run_in, how):
    """The batch is refused; of its halves the first hangs when it is stopped."""
    faults = [
        {"at": "final", "action": "reply", "reply": "400 No", "first": 1, "recipient": "user0@*"},
        {"at": "final", "action": "accept_hang"},
    ]

    async def main():
        state = sink_state("mailgun", log, *faults)
        async with serving(state) as port:
            provider = HttpProvider(Mailgun(account_at("mailgun", port)))
            call = asyncio.create_task(provider.send(merged(8)))
            while not log.read_text():
                await asyncio.sleep(0.01)
            if how == "cancel":
                call.cancel()
            else:
                provider.abort()
            outcomes = await asyncio.wait_for(call, 5)
            await provider.close()
            return outcomes

    kinds = [outcome.kind for outcome in run_in(main())]
    taken = {line.split('"recipient": "')[1].split('"')[0] for line in log.read_text().splitlines()}
    assert len(taken) == 4
    assert kinds.count(UNCERTAIN) == kinds.count(UNSENT) == 4


def merged(count: int) -> list[OutgoingMessage]:
    content = MergeContent("News <news@example.com>", None, ("S",), ("T",), None)
    return [
        message._replace(sender="news@example.com", content=b"", merge=Merge(content, (), message.recipient))
        for message in texts([f"user{number}@example.net" for number in range(count)])
    ]
