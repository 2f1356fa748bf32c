"""What an id of a message was made of."""

from uuid import UUID

from models.rules.ids import POSITION_DIGITS


def message_position(message: UUID) -> int:
    """The position that a message's id was made of. Raises ValueError for an id that no run made."""
    return int(str(message)[-POSITION_DIGITS:])
