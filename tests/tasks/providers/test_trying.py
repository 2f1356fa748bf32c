"""Whether an account lets us in, asked without a message."""

import asyncio
from pathlib import Path

import orjson
import pytest

from deployments.http_sink import ACCOUNTS
from models.errors import SetupError
from models.settings import Settings
from models.store.provider_accounts import Account
from tasks.providers.http_exchange import Answer
from tasks.providers.registry import provider_of
from tasks.providers.trying import reach
from tests.support.email_vendors import vendor_of
from tests.support.http_api import CHANNELS, address, running_api


def _reach(vendor: str, url: str) -> str:
    return asyncio.run(reach(Settings(), Account(None, None, CHANNELS[vendor], vendor, "main", url.encode())))


@pytest.mark.parametrize("vendor", CHANNELS)
def test_a_key_is_accepted_or_refused(vendor: str, tmp_path: Path) -> None:
    user, _ = ACCOUNTS[vendor].split(":")
    with running_api(vendor, tmp_path / "log") as api:
        assert _reach(vendor, api.url) == "127.0.0.1 was reached, and the key is accepted"
        with pytest.raises(SetupError, match="was reached, and the key is refused") as caught:
            _reach(vendor, api.url.replace(ACCOUNTS[vendor], f"{user}:k3y-k3y"))
    assert "k3y-k3y" not in str(caught.value)


def test_a_vendor_that_is_away_does_not_answer() -> None:
    with pytest.raises(SetupError, match="does not answer"):
        _reach("twilio", address("twilio", 1))


def test_a_key_that_may_send_and_nothing_else_is_known() -> None:
    restricted = {"name": "restricted_api_key", "message": "This API key is restricted to only send emails"}
    assert vendor_of("resend").is_let_in(Answer(401, {}, orjson.dumps(restricted)))
    assert vendor_of("ses").is_let_in(Answer(403, {"x-amzn-errortype": "AccessDeniedException"}, b"{}"))
    assert not vendor_of("ses").is_let_in(Answer(403, {"x-amzn-errortype": "UnrecognizedClientException"}, b"{}"))


def test_vonage_is_asked_where_its_balance_is() -> None:
    account = Account(None, None, "sms", "vonage", "main", b"vonage://key:secret@api.nexmo.com")
    provider = provider_of(Settings(), account)
    request = provider.vendor.check()  # type: ignore[attr-defined]
    assert (request.host, request.target) == ("rest.nexmo.com", "/account/get-balance")
