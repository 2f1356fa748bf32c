"""Secrets and signatures of webhooks, by Standard Webhooks (https://www.standardwebhooks.com, specification 1.0.0)."""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from standardwebhooks import Webhook

_SECRET_BYTES = 32  # the specification asks for 24 to 64


def new_secret() -> str:
    """A secret as its owner is shown it, `whsec_…`."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(
    event_id: UUID, payload: str, signing: Sequence[str], *, at: datetime | None = None
) -> tuple[tuple[str, str], ...]:
    """The headers that say which event it is, when it was sent, and that we sent it: a signature for each secret."""
    now = at or datetime.now(UTC)
    signatures = " ".join(Webhook(secret).sign(str(event_id), now, payload) for secret in signing)
    return (
        ("webhook-id", str(event_id)),
        ("webhook-timestamp", str(int(now.timestamp()))),
        ("webhook-signature", signatures),
    )
