"""A campaign through a real Postfix, and all that comes back of it: bounces and complaints by mail, opens, clicks and
farewells by the links in the mails themselves. Everything comes shuffled, and twice."""

import re
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from models.tables import Run
from tasks.bounces.receiving import receive_mails
from tasks.providers.return_paths import return_paths_of
from tasks.reports.apply import apply_due
from tests.support import bounces
from tests.support.callers import Caller
from tests.support.engine import Engine
from tests.support.invariants import examine
from tests.support.links import READER
from tests.support.postfix import Postfix, postfix
from tests.support.processes import mail_server
from tests.support.reported_script import agree_analytics, agree_money, agree_people
from tests.support.stack import wait_for

BOUNCES = "bounces.example.com"
NOBODY = '{"at": "rcpt", "recipient": "hard*", "reply": "550 5.1.1 No such user here"}'
CONTENT = '<p>Hello {{ first_name }}, <a href="https://shop.example.com/a?b=1">look</a></p>'
# What people do, told by the beginning of their addresses, and how often.
DEEDS = {"reads": 40, "clicks": 20, "nothing": 20, "hard": 10, "complains": 5, "leaves": 5}


_FATES = {"hard": "hard bounce", "complains": "complaint", "leaves": "farewell"}


@pytest.mark.needs("postfix")
def test_what_comes_back_of_a_campaign_agrees_with_what_happened(make_engine, call_as, tmp_path, trial):
    people = trial.of(short=60, long=10_000)
    drawn = [*DEEDS, *trial.chance.choices(list(DEEDS), list(DEEDS.values()), k=people - len(DEEDS))]
    deeds = {f"{deed}{number}@example.com": deed for number, deed in enumerate(drawn)}
    kept = tmp_path / "kept"
    with mail_server(tmp_path, "--keep", str(kept), "--fail", NOBODY) as server:
        sink = urlsplit(server.url).port
        assert sink is not None
        with postfix(sink, BOUNCES) as relay:
            engine = make_engine(
                people=[address.partition("@")[0] for address in deeds],
                smtp_url=f"smtp://127.0.0.1:{relay.port}?connections=4",
                bounce_address=f"returns@{BOUNCES}",
                public_url="https://links.example.net",
            )
            run = engine.planned(html_content=CONTENT, batch_size=50)
            engine.send(run)
            assert engine.close(run) is not None
            returned = _returned(relay, server.accepted, deeds)
            taken = server.accepted() + Counter(address for address, deed in deeds.items() if deed == "hard")
            found = examine(engine, run, taken)
    _wait_for_readers(engine, run)
    caller = call_as(engine)
    letters = {address: letter for letter in map(_letter, kept.iterdir()) for address in [str(letter["To"])]}
    assert letters.keys() == {address for address, deed in deeds.items() if deed != "hard"}
    returned += [_complaint(engine, run, address) for address, deed in deeds.items() if deed == "complains"]
    for _ in range(2):
        trial.chance.shuffle(returned)
        receive_mails(engine.database, return_paths_of(engine.settings), returned)
        _do(deeds, letters, caller, trial.chance)
        while apply_due(engine.database):
            pass
    trial.write("what a campaign through Postfix brings back, all of it twice", len(deeds), found)
    _agree(Counter(deeds.values()), caller, run)
    agree_people({address: _FATES.get(deed, deed) for address, deed in deeds.items()}, engine)
    agree_money(people, engine)


def _returned(relay: Postfix, accepted: Any, deeds: dict[str, str]) -> list[bytes]:
    """What Postfix sent back, when it has nothing left to do."""
    hard = sum(1 for deed in deeds.values() if deed == "hard")
    done = lambda: not relay.waiting() and len(relay.mailbox()) == hard  # noqa: E731
    wait_for("Postfix to hand everything on", done, 300)
    assert accepted() == Counter(address for address, deed in deeds.items() if deed != "hard")
    return relay.mailbox()


def _wait_for_readers(engine: Engine, run: Run) -> None:
    """Until nobody who clicks is taken for a scanner, which does so as soon as a mail is there."""

    def is_over() -> bool:
        with engine.database.transaction(None) as session:
            query = "SELECT max(sent_at) < now() - interval '3 seconds' FROM messages WHERE run_id = :run"
            return bool(session.execute(text(query), {"run": run.id}).scalar_one())

    wait_for("three seconds after the last message", is_over, 30)


def _letter(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=policy.default)


def _complaint(engine: Engine, run: Run, address: str) -> bytes:
    """A mailbox provider's report that somebody called the mail spam (RFC 5965)."""
    with engine.database.transaction(None) as session:
        message_id = session.execute(
            text("SELECT id FROM messages WHERE run_id = :run AND recipient = :address"),
            {"run": run.id, "address": address},
        ).scalar_one()
    return bounces.mail("complaint", return_paths_of(engine.settings).address_of(message_id), kind="abuse")


def _do(deeds: dict[str, str], letters: dict[str, EmailMessage], caller: Caller, chance: Random) -> None:
    """What each of them does with their mail, in any order."""
    client = caller.app.test_client(use_cookies=False)
    addresses = [address for address, deed in deeds.items() if deed not in ("hard", "nothing")]
    chance.shuffle(addresses)
    for address in addresses:
        letter, deed = letters[address], deeds[address]
        html = letter.get_body(("html",)).get_content()
        assert _ask(client, re.search(r'src="(https://[^"]+/t/o/[^"]+)"', html)[1]).status_code == 200
        if deed == "clicks":
            answer = _ask(client, re.search(r'href="(https://[^"]+/t/c/[^"]+)"', html)[1])
            assert answer.headers["Location"] == "https://shop.example.com/a?b=1"
        if deed == "leaves":
            assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            url = re.search("<(https://[^>]+)>", letter["List-Unsubscribe"])[1]
            answer = _ask(client, url, "POST", data={"List-Unsubscribe": "One-Click"})
            assert answer.status_code == 200
    caller.app.extensions["exosend"].recorder.flush()


def _ask(client: FlaskClient, url: str, method: str = "GET", **options: Any) -> Any:
    parts = urlsplit(url)
    assert parts.netloc == "links.example.net"
    return client.open(parts.path, method=method, headers={"User-Agent": READER}, **options)


def _agree(done: Counter[str], caller: Caller, run: Run) -> None:
    opened = done["reads"] + done["clicks"] + done["complains"] + done["leaves"]
    agree_analytics(
        caller,
        run,
        total_sent=done.total(),
        total_delivered=opened,  # SMTP tells of nobody else
        total_opened=opened,
        total_clicked=done["clicks"],
        total_bounced=done["hard"],
        total_complained=done["complains"],
    )
