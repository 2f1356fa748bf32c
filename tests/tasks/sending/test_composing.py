"""Messages of many contents, made by what is read when it is needed and kept while there is room."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from models.errors import ExoSendError
from models.rules.ids import new_id
from models.store.blobs import write_blob
from models.store.contents import store_content
from models.store.messages import PlannedMessage
from tasks.sending.composing import ContentComposers
from tests.support.outbox import content


def _message(content_id, variables=None, recipient="+37060000001"):
    return PlannedMessage(new_id(), 0, recipient, variables, 0, 0.0, content_id, None)


def _composed(composers, message):
    return composers.load([message])[message.content_id](message).content


def test_an_sms_is_literal_or_rendered_as_its_run_says(make_engine):
    engine = make_engine(contacts=1)
    message = _message(content(engine, "sms", "Hi {{ first_name }}"), '{"first_name": "Ona"}')
    assert _composed(ContentComposers(engine.database, literal_sms=True), message) == b"Hi {{ first_name }}"
    assert _composed(ContentComposers(engine.database, literal_sms=False), message) == b"Hi Ona"


def test_what_was_read_is_at_hand(make_engine):
    engine = make_engine(contacts=1)
    first, second = _message(content(engine, "sms", "One")), _message(content(engine, "email", "Two"))
    composers = ContentComposers(engine.database, literal_sms=True)
    assert composers.known([first]) is None
    composers.load([first])
    assert composers.known([first]) is not None
    assert composers.known([first, second]) is None
    assert composers.load([first, second]).keys() == {first.content_id, second.content_id}


def test_the_longest_unused_goes_when_there_is_no_room(make_engine):
    engine = make_engine(contacts=1)
    messages = [_message(content(engine, "sms", f"Number {no}")) for no in range(3)]
    composers = ContentComposers(engine.database, literal_sms=True, most_bytes=10_000)
    composers.load(messages[:2])
    composers.known(messages[:1])
    composers.load(messages[2:])
    assert [composers.known([message]) is not None for message in messages] == [True, False, True]


def test_more_contents_than_there_is_room_for_are_all_given(make_engine):
    engine = make_engine(contacts=1)
    messages = [_message(content(engine, "sms", f"Number {no}")) for no in range(20)]
    composers = ContentComposers(engine.database, literal_sms=True, most_bytes=1)
    made = composers.load(messages)
    assert [made[message.content_id](message).content for message in messages] == [
        f"Number {no}".encode() for no in range(20)
    ]


def test_a_content_that_is_gone_or_cannot_be_used_fails_its_own_messages(make_engine):
    engine = make_engine(contacts=1)
    good, broken, gone = (
        _message(content(engine, "email", "One"), recipient="ann@example.com"),
        _message(content(engine, "email", "Two")),
        _message(new_id()),
    )
    with engine.database.transaction(None) as session:
        session.execute(
            text("UPDATE contents SET attachments = CAST(:files AS jsonb) WHERE id = :id"),
            {"id": broken.content_id, "files": f'[{{"blob_id": "{new_id()}", "file_name": "a", "media_type": "b/c"}}]'},
        )
    made = ContentComposers(engine.database, literal_sms=True).load([good, broken, gone])
    assert made[good.content_id](good).content
    with pytest.raises(ExoSendError, match="file of the message is gone"):
        made[broken.content_id](broken)
    with pytest.raises(ExoSendError, match="content is gone"):
        made[gone.content_id](gone)


def test_for_a_provider_that_merges_only_what_has_files_is_a_whole_message(make_engine):
    engine = make_engine(contacts=1)
    shared = content(engine, "email", "One")
    with engine.database.transaction(engine.organization_id) as session:
        blob = write_blob(session, engine.organization_id, b"x", media_type="text/plain", keep=timedelta(days=1))
        file = {"file_name": "a.txt", "media_type": "text/plain", "blob_id": str(blob), "size": 1}
        values = {"subject": "Two", "text": "Two", "from_email": "news@acme.example.com", "attachments": [file]}
        with_file = store_content(session, engine.organization_id, b"2" * 32, values)
    composers = ContentComposers(engine.database, literal_sms=True, merges=True)
    messages = [_message(id_, recipient="a@example.com") for id_ in (shared, shared, with_file)]
    made = composers.load(messages)
    first, second, third = (made[message.content_id](message) for message in messages)
    assert first.merge is not None
    assert second.merge is not None
    assert first.merge.content is second.merge.content
    assert (first.content, third.merge) == (b"", None)
    assert b"a.txt" in third.content
