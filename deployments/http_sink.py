"""An HTTP API of a provider that takes everything, writes down what it accepted, and sends nothing.

For tests and for trying things out: `python -m deployments.http_sink twilio --log accepted.jsonl`. Like the mail sink
it can be told to misbehave (sink_faults.py: at connect, data, which is the head of a request, and final).
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Protocol

from cyclopts import App, Parameter

from deployments import (
    http_sink_infobip,
    http_sink_mailgun,
    http_sink_postmark,
    http_sink_resend,
    http_sink_sendgrid,
    http_sink_ses,
    http_sink_twilio,
    http_sink_vonage,
)
from deployments.http_sink_infobip import InfobipApi
from deployments.http_sink_mailgun import MailgunApi
from deployments.http_sink_postmark import PostmarkApi
from deployments.http_sink_protocol import Api, HttpSinkConnection, HttpSinkState
from deployments.http_sink_resend import ResendApi
from deployments.http_sink_sendgrid import SendGridApi
from deployments.http_sink_ses import SesApi
from deployments.http_sink_twilio import TwilioApi
from deployments.http_sink_vonage import VonageApi
from deployments.sink_faults import read_faults
from deployments.sink_log import AcceptLog
from deployments.sink_serving import serve, serving_on
from models.errors import SetupError
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent

app = App(name="python -m deployments.http_sink", help="A provider's HTTP API that logs what it accepts.")


class SignsCallbacks(Protocol):
    """Makes a vendor's requests that say events, signed: the other side of `read_callback`."""

    def __call__(
        self, events: Sequence[ProviderEvent | InboundSms], *, url: str, key: str, at: datetime
    ) -> list[Callback]:
        """The requests to `url`, of an account whose callback key is `key`, made and received at `at`.

        Of an event its `key` is the vendor's word, and not said; of an inbound SMS it is the vendor's id.
        """
        ...


APIS: dict[str, Callable[[tuple[str, str]], Api]] = {
    "infobip": InfobipApi,
    "mailgun": MailgunApi,
    "postmark": PostmarkApi,
    "resend": ResendApi,
    "sendgrid": SendGridApi,
    "ses": SesApi,
    "twilio": TwilioApi,
    "vonage": VonageApi,
}
ACCOUNTS = {
    "infobip": "app:key-1234",
    "mailgun": "api:key-1234",
    "postmark": "server:server-token",
    "resend": "api:re_1234",
    "sendgrid": "apikey:SG.1234",
    "ses": "AKIAIOSFODNN7EXAMPLE:a-secret-access-key",
    "twilio": "AC" + 32 * "0" + ":secret",
    "vonage": "abcd1234:secret",
}
CALLBACKS: dict[str, SignsCallbacks] = {
    "infobip": http_sink_infobip.signed_callbacks,
    "mailgun": http_sink_mailgun.signed_callbacks,
    "postmark": http_sink_postmark.signed_callbacks,
    "resend": http_sink_resend.signed_callbacks,
    "sendgrid": http_sink_sendgrid.signed_callbacks,
    "ses": http_sink_ses.signed_callbacks,
    "twilio": http_sink_twilio.signed_callbacks,
    "vonage": http_sink_vonage.signed_callbacks,
}
CALLBACK_KEYS = {
    "infobip": "reports:password",
    "mailgun": "webhook-signing-key",
    "postmark": "webhook:password",
    "resend": "whsec_YSBzaWduaW5nIHNlY3JldCBmb3IgdGVzdHM=",
    "sendgrid": http_sink_sendgrid.VERIFICATION_KEY,
    "ses": "arn:aws:sns:eu-west-1:123456789012:exosend",
    "twilio": "secret",
    "vonage": "signature-secret",
}


def serving(state: HttpSinkState, *, host: str = "127.0.0.1", port: int = 0) -> AbstractAsyncContextManager[int]:
    """Serve until the block ends; gives the port (0 asks for a free one). Raises SetupError if it is taken."""
    return serving_on(host, port, lambda: HttpSinkConnection(state), state, name="HTTP sink")


@app.default
def main(
    vendor: Literal["infobip", "mailgun", "postmark", "resend", "sendgrid", "ses", "twilio", "vonage"],
    *,
    log: Annotated[Path, Parameter(help="File that gets one JSON line per accepted recipient.")],
    port: Annotated[int, Parameter(help="Port; 0 takes a free one and prints it.")] = 0,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    script: Annotated[Path | None, Parameter(help="JSON file with a list of fault rules.")] = None,
    fail: Annotated[tuple[str, ...], Parameter(help="One fault rule as JSON; may be repeated.")] = (),
    delay: Annotated[float, Parameter(help="Milliseconds before each acceptance is answered.")] = 0.0,
    account: Annotated[str | None, Parameter(help="user:secret that it asks for.")] = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    faults = read_faults(script, fail)
    user, _, secret = (account or ACCOUNTS[vendor]).partition(":")
    state = HttpSinkState(APIS[vendor]((user, secret)), AcceptLog(log), faults, delay / 1000)
    serve(host, serving(state, host=host, port=port))


if __name__ == "__main__":
    try:
        app()
    except SetupError as error:
        raise SystemExit(f"HTTP sink: {error}") from None
