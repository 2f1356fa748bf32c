"""What is tracked of a content, and the merge tags that stand for what each message's links have for their own."""

from dataclasses import dataclass

#: Where people unsubscribe, for authors to put into their contents.
UNSUBSCRIBE_URL = "unsubscribe_url"

# Ours; the values of a message never come under these names from anywhere else.
OPENED, CLICKED, LEAVING = "exosend.opened", "exosend.clicked", "exosend.leaving"

HEADS = frozenset({OPENED, CLICKED, LEAVING})
#: Tags whose values are different in each message: to keep what they are encoded to would push out what comes again.
UNREPEATED = HEADS | {UNSUBSCRIBE_URL}


@dataclass(frozen=True, slots=True)
class Tracking:
    """What is wanted of a content. `host`: the sender's own one for links, else that of the installation."""

    opens: bool = False
    clicks: bool = False
    unsubscribe: bool = False
    host: str | None = None
