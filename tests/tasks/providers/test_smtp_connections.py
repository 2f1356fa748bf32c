"""How connections are opened, kept, lost and ended."""

import asyncio
import socket
import threading

import pytest

from deployments.sink import serving
from deployments.sink_log import read_log
from tasks.providers.base import OutcomeKind
from tasks.providers.smtp import SmtpProvider


@pytest.fixture
def silence():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def nobody():
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def test_connections_are_opened_as_needed_and_kept(make_state, make_messages, run_in, loop_name):
    async def main():
        state = make_state()
        async with serving(state) as port:
            provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{port}?connections=3")
            await provider.send(make_messages(1))
            after_one = len(state.connections)
            for _ in range(3):
                await asyncio.gather(provider.send(make_messages(40)), provider.send(make_messages(40)))
            await provider.close()
            return after_one, next(state.numbers) - 1

    assert run_in(main(), loop_name) == (1, 3)


def test_a_server_that_closes_idle_connections_costs_no_message(make_state, make_messages, run_in, loop_name):
    async def main():
        state = make_state()
        async with serving(state) as port:
            provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{port}?connections=4&timeout=5")
            await provider.send(make_messages(40))
            for connection in list(state.connections):
                connection.close()
            # Not a turn of the loop between: the provider learns of it only by writing.
            outcomes = await provider.send(make_messages(40))
            await provider.close()
            return outcomes

    assert {outcome.kind for outcome in run_in(main(), loop_name)} == {OutcomeKind.ACCEPTED}


def test_a_server_that_comes_back_gets_the_messages_of_the_same_call(
    make_state, make_messages, run_in, nobody, loop_name
):
    async def main():
        provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{nobody}?connections=4&timeout=5")
        sending = asyncio.create_task(provider.send(make_messages(10)))
        await until(lambda: provider._open_failures)
        async with serving(make_state(), port=nobody):
            outcomes = await sending
            await provider.close()
        return outcomes

    assert {outcome.kind for outcome in run_in(main(), loop_name)} == {OutcomeKind.ACCEPTED}


def test_an_absent_server_leaves_all_unsent_and_says_where_it_looked(make_messages, run_in, nobody, loop_name):
    async def main():
        provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{nobody}?timeout=5")
        outcomes = await provider.send(make_messages(30))
        await provider.close()
        return outcomes

    outcomes = run_in(main(), loop_name)
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.UNSENT}
    assert {outcome.code for outcome in outcomes} == {"connection"}
    assert f"127.0.0.1:{nobody}" in outcomes[0].detail
    assert outcomes[0].retry_after_seconds


def test_a_server_that_does_not_greet_leaves_all_unsent(make_messages, run_in, silence):
    async def main():
        provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{silence}?timeout=0.3")
        outcomes = await provider.send(make_messages(30))
        await provider.close()
        return outcomes

    assert {(outcome.kind, outcome.code) for outcome in run_in(main())} == {(OutcomeKind.UNSENT, "timeout")}


@pytest.mark.parametrize("reply", ["421 4.7.0 Too busy", "554 5.3.2 Go away"])
def test_a_refused_session_rejects_no_recipient(send_to_sink, make_messages, reply):
    sent = send_to_sink(make_messages(20), {"at": "connect", "reply": reply})
    assert set(sent.kinds) == {OutcomeKind.UNSENT}
    assert reply in sent.outcomes[0].detail


def test_a_server_that_allows_few_connections_gets_all_messages_over_those(send_to_sink, make_messages):
    fault = {"at": "connect", "every": 2, "reply": "421 4.7.0 Too many connections"}
    sent = send_to_sink(make_messages(300), fault, options="connections=8&timeout=5")
    assert set(sent.kinds) == {OutcomeKind.ACCEPTED}


def test_a_server_that_drops_every_connection_is_not_tried_for_ever(send_to_sink, make_messages):
    sent = send_to_sink(make_messages(300), {"at": "mail", "action": "close"})
    assert set(sent.kinds) == {OutcomeKind.DEFERRED}
    assert set(sent.codes) == {"connection"}


def test_several_calls_share_the_connections_and_get_their_own_answers(make_state, make_messages, run_in, loop_name):
    async def main():
        state = make_state({"at": "rcpt", "recipient": "bad*", "reply": "550 5.1.1 No"})
        async with serving(state) as port:
            provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{port}?connections=2&timeout=5")
            calls = [make_messages([f"good{n}@example.net", f"bad{n}@example.net"] * 5) for n in range(10)]
            answers = await asyncio.gather(*(provider.send(call) for call in calls))
            await provider.close()
            return answers

    for answer in run_in(main(), loop_name):
        assert [outcome.kind for outcome in answer] == [OutcomeKind.ACCEPTED, OutcomeKind.REJECTED] * 5


@pytest.mark.parametrize("how", ["abort", "abort from a thread", "cancel", "close"])
def test_a_call_that_is_ended_tells_what_is_uncertain_and_what_unsent(
    make_state, make_messages, run_in, log_file, how, loop_name
):
    messages = make_messages(100)

    async def main():
        async with serving(make_state({"at": "final", "action": "accept_hang", "after_messages": 2})) as port:
            provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{port}?connections=4")
            sending = asyncio.create_task(provider.send(messages))
            await until(lambda: sum(read_log(log_file).values()) == 12)  # 4 connections: 2 answered, 1 not
            if how == "abort":
                provider.abort()
            elif how == "abort from a thread":
                thread = threading.Thread(target=provider.abort)
                thread.start()
                thread.join()
            elif how == "cancel":
                sending.cancel()
            else:
                await provider.close()
            outcomes = await sending
            late = await provider.send(messages[:2]) if how != "cancel" else []
            await provider.close()
            return outcomes, late

    outcomes, late = run_in(main(), loop_name)
    log = read_log(log_file)
    by_kind = {
        kind: [m.recipient for m, o in zip(messages, outcomes, strict=True) if o.kind is kind] for kind in OutcomeKind
    }
    assert len(by_kind[OutcomeKind.ACCEPTED]) == 8
    assert set(by_kind[OutcomeKind.UNCERTAIN]) == set(log) - set(by_kind[OutcomeKind.ACCEPTED])
    assert len(by_kind[OutcomeKind.UNSENT]) == 88
    assert {outcome.kind for outcome in late} <= {OutcomeKind.UNSENT}


def test_a_large_message_gets_through_whole(make_state, make_messages, run_in, tmp_path, loop_name):
    content = b"Subject: big\r\n\r\n" + b"." * 70 + b"\r\n" + b"x" * 76 * 100_000 + b"\r\n.\r\n"

    async def main():
        async with serving(make_state(keep=tmp_path)) as port:
            provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{port}?timeout=5")
            outcomes = await provider.send(make_messages(["a@example.net"], content))
            await provider.close()
            return outcomes

    assert run_in(main(), loop_name)[0].kind is OutcomeKind.ACCEPTED
    assert next(tmp_path.glob("*.eml")).read_bytes() == content
