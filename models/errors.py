"""The product's own exceptions. Each knows its HTTP status; nothing here imports a web framework.

Statuses and bodies are the API contract's (docs/api/rules.md).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal


class ExoSendError(Exception):
    """Base of all errors that a person should read. `str()` says what is wrong and what to do."""

    status = 500


class NotFound(ExoSendError):
    """The thing does not exist, or belongs to another organization: the two look the same from outside."""

    status = 404

    def __init__(self, message: str = "Not found.") -> None:
        super().__init__(message)


class Forbidden(ExoSendError):
    """The caller may see the thing but not do this with it."""

    status = 403

    def __init__(self, message: str = "This action is unauthorized.") -> None:
        super().__init__(message)


class InvalidInput(ExoSendError):
    """Some fields are wrong. `errors` maps a dotted field name to its messages, in the order they were found."""

    status = 422

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors = {field: list(messages) for field, messages in errors.items()}
        messages = [message for field in self.errors.values() for message in field]
        more = len(messages) - 1
        suffix = f" (and {more} more error{'s' if more > 1 else ''})" if more > 0 else ""
        super().__init__(f"{messages[0]}{suffix}" if messages else "The given data was invalid.")


class IllegalState(ExoSendError):
    """The thing is in a state in which this cannot be done."""

    status = 409

    def __init__(self, message: str, *, code: str, current_status: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.current_status = current_status


class InsufficientCredits(ExoSendError):
    """The organization's balance does not cover the cost. Nothing was charged."""

    status = 402

    def __init__(self, *, required: Decimal, available: Decimal) -> None:
        super().__init__("Insufficient credits.")
        self.required = required
        self.available = available


class Unavailable(ExoSendError):
    """Something this needs is away for the moment; the same call may go through later."""

    status = 503


class StaleLease(ExoSendError):
    """A sender wrote under a lease that is no longer its own: another one has taken the chunk over."""

    status = 409


class SetupError(ExoSendError):
    """The machine or the configuration is not as it must be. The message says what to change."""
