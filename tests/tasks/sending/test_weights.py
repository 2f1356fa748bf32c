"""What is out at once is bounded by its bytes: known before it is made, and held to by both loops."""

from datetime import timedelta

import pytest

from models.rules.ids import new_id
from models.store.blobs import write_blob
from models.store.contents import store_content
from models.store.messages import PlannedMessage
from models.store.outgoing import NewMessage
from tasks.content.rendering import VALUES_BYTES_MAX
from tasks.runs.accept_messages import accept_single
from tasks.sending import outbox_routes
from tasks.sending.composing import ContentComposers
from tasks.sending.weights import WINDOW_BYTES, Weights, fitting
from tests.support.engine import DOMAIN
from tests.support.outbox import CENT, message_states, send_everything

MEGABYTE = 1024 * 1024


def _content(engine, *, html="<p>Hi</p>", files=(), **values):
    with engine.database.transaction(engine.organization_id) as session:
        blobs = [
            {
                "blob_id": str(write_blob(session, engine.organization_id, file, media_type="a/b", keep=timedelta(1))),
                "file_name": "a.bin",
                "media_type": "a/b",
                "size": len(file),
            }
            for file in files
        ]
        columns = {"subject": "Hi", "html": html, "from_email": f"news@{DOMAIN}", "attachments": blobs, **values}
        return store_content(session, engine.organization_id, new_id().bytes * 2, columns)


def _message(content_id, variables=None):
    return PlannedMessage(new_id(), 0, "ann@example.com", variables, 0, 0.0, content_id, None)


@pytest.mark.parametrize(
    ("weights", "most", "number"), [([], 5, 0), ([9], 5, 1), ([9, 0], 5, 1), ([2, 3, 1], 5, 2), ([2, 3], 5, 2)]
)
def test_what_fits_is_as_many_as_there_is_room_for_and_at_least_one(weights, most, number):
    assert fitting(weights, most) == number


@pytest.mark.parametrize(
    ("html", "file"), [("<p>Hello</p>" * 5000, b""), ("<p>Labas rytas, šviesos miestas</p>" * 5000, b"x" * MEGABYTE)]
)
def test_a_message_weighs_about_what_it_has_when_it_is_made(make_engine, html, file):
    engine = make_engine(contacts=1)
    message = _message(_content(engine, html=html, files=[file] if file else []))
    made = ContentComposers(engine.database, literal_sms=True).load([message])[message.content_id](message)
    assert len(made.content) * 0.9 <= Weights(engine.database).of([message])[0] <= len(made.content) * 3


def test_heavy_messages_have_small_windows_and_light_ones_are_as_they_were(make_engine):
    engine = make_engine(contacts=1)
    light, heavy = _content(engine), _content(engine, files=[b"x" * 10 * MEGABYTE])
    weights = Weights(engine.database)
    assert [len(w) for w in weights.windows([_message(light) for _ in range(1000)], 400)] == [400, 400, 200]
    mixed = [_message(light), *(_message(heavy) for _ in range(10)), _message(light)]
    windows = weights.windows(mixed, 400)
    assert [message for window in windows for message in window] == mixed
    assert all(sum(weights.of(window)) <= WINDOW_BYTES for window in windows)
    assert len(windows) == 3


def test_values_weigh_as_often_as_they_may_stand_there_up_to_their_limit(make_engine):
    engine = make_engine(contacts=1)
    [often] = Weights(engine.database).of(
        [_message(_content(engine, html="{{ a }}" * 2000), '{"a": "%s"}' % ("x" * 9000))]
    )
    assert VALUES_BYTES_MAX <= often < 2 * VALUES_BYTES_MAX
    own = _content(engine, html="{{ a }}" * 100, variables={"a": "x" * 9000})
    assert Weights(engine.database).of([_message(own)])[0] > 900_000


def test_what_a_provider_fills_in_weighs_its_values_alone(make_engine):
    engine = make_engine(contacts=1)
    plain, filed = _content(engine, html="<p>Hi</p>" * 10_000), _content(engine, files=[b"x" * MEGABYTE])
    assert Weights(engine.database, merges=True).of([_message(plain)]) == [0]
    assert Weights(engine.database, merges=True).of([_message(filed)])[0] > MEGABYTE


def test_a_content_that_is_gone_weighs_nothing(make_engine):
    assert Weights(make_engine(contacts=1).database).of([_message(new_id())]) == [0]


def test_the_outbox_hands_over_no_more_bytes_at_once_than_it_may_hold(make_engine, monkeypatch):
    engine = make_engine(contacts=1)
    content_id = _content(engine, files=[b"x" * 5 * MEGABYTE])
    people = [f"{no}@example.com" for no in range(9)]
    with engine.database.transaction(engine.organization_id) as session:
        for person in people:
            accept_single(session, engine.organization_id, "email", NewMessage(person, content_id, CENT, segments=1))
    handed_over = []
    hand_over = outbox_routes.hand_over

    async def noted(provider, messages, until):
        handed_over.append([len(message.content) for message in messages])
        return await hand_over(provider, messages, until)

    monkeypatch.setattr(outbox_routes, "hand_over", noted)
    send_everything(engine, "email")
    assert message_states(engine) == {"accepted": 9}
    assert sum(map(len, handed_over)) == 9
    assert max(map(sum, handed_over)) <= 16 * MEGABYTE
