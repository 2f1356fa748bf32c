"""The file of docs/adding-a-provider.md is a provider."""

import asyncio
import hashlib
import hmac
import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from models.rules.reports import ReportKind
from models.settings import Settings
from tasks.providers.base import OutcomeKind
from tasks.providers.callback_vendors import reader_of
from tasks.providers.callbacks import Callback, ForgedCallback, ProviderEvent
from tasks.providers.registry import open_provider
from tests.support.callbacks import know_acme
from tests.support.http_api import texts
from tests.support.http_server import listening, read_request

_PAGE = Path(__file__).parents[2] / "docs" / "adding-a-provider.md"


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """The file, where it belongs: how it sends, and how it reads what comes back."""
    blocks = re.findall(r"```python\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    (tmp_path / "acme.py").write_text("\n".join(blocks))
    know_acme(monkeypatch, tmp_path)


def answer(status: int, body: object) -> bytes:
    content = orjson.dumps(body)
    return b"HTTP/1.1 %d .\r\nContent-Length: %d\r\n\r\n%b" % (status, len(content), content)


def test_it_sends(acme):
    answers = [
        answer(200, {"message_id": "m1"}),
        answer(200, {"else": "m2"}),
        answer(400, {"code": "bad_number", "message": "No such number"}),
        answer(400, {"code": "queue_full", "message": "Later"}),
        answer(402, {"code": "no_credit", "message": "Pay"}),
    ]
    arrived = []

    async def handle(reader, writer):
        for each in answers:
            arrived.append(await read_request(reader))
            writer.write(each)

    async def main():
        async with listening(handle) as port:
            url = f"acme://me:secret@127.0.0.1:{port}?tls=off&connections=1"
            provider = open_provider(Settings(sms_url=url), "sms")
            outcomes = await provider.send(texts(len(answers)))
            await provider.close()
            return outcomes

    outcomes = asyncio.run(main())
    assert [outcome.kind for outcome in outcomes] == [
        OutcomeKind.ACCEPTED,
        OutcomeKind.UNCERTAIN,
        OutcomeKind.REJECTED,
        OutcomeKind.DEFERRED,
        OutcomeKind.UNSENT,
    ]
    assert outcomes[0].provider_ref == "m1"
    assert outcomes[2].code == "bad_number"
    assert orjson.loads(arrived[0].partition(b"\r\n\r\n")[2]) == {
        "to": "+37120000000",
        "from": "EXOSMS",
        "text": "Hello",
    }


def test_it_reads_what_comes_back(acme):
    ours = "01932f2b-0000-7000-8000-000000000001"
    body = orjson.dumps(
        {
            "event": "delivered",
            "event_id": "e1",
            "time": 1764500405,
            "client_ref": ours,
            "message_id": "m1",
            "to": "+371",
        }
    )
    signature = hmac.new(b"key", body, hashlib.sha256).hexdigest()
    at = datetime.fromtimestamp(1764500405, UTC)
    callback = Callback("https://x.example/", {"x-acme-signature": signature}, body, at)
    reader = reader_of("acme")
    assert reader is not None
    [event] = reader.read_callback(callback, ["other", "key"])
    assert event == ProviderEvent("e1", ReportKind.DELIVERED, at, UUID(ours), "m1", "+371")
    with pytest.raises(ForgedCallback):
        reader.read_callback(callback, ["other", ""])
