"""How an account is named where it is written down which one took a message.

`messages.provider` holds `vendor` for the account that the environment configures (`mailgun`, `smtp`, `sandbox`), and
`vendor:id` for a row of provider_accounts, by its UUID. Everything kept for an account goes by the same name: its
circuit is `channel/name`, its rate's bucket `account:channel/name`, its events' keys and references are its own. So a
callback at `/webhooks/{vendor}/{account}` is about messages whose provider is `provider_name(vendor, account)`.
"""

from uuid import UUID

DEFAULT_ACCOUNT = "default"
"""In addresses: the account that the environment configures."""


def provider_name(vendor: str, account_id: UUID | None) -> str:
    """The name of an account. `account_id` None: the one that the environment configures."""
    return vendor if account_id is None else f"{vendor}:{account_id}"


def vendor_of(name: str) -> str:
    """The vendor of an account, from its name."""
    return name.partition(":")[0]


def account_of(name: str) -> UUID | None:
    """The id of an account, from its name; None for the one that the environment configures."""
    _, separator, id_ = name.partition(":")
    return UUID(id_) if separator else None
