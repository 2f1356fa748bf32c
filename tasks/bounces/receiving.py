"""Mails with bounces, on their way to where all that providers report waits to be applied."""

from collections.abc import Sequence
from datetime import UTC, datetime

from models.rules.return_paths import ReturnPaths
from models.session import Database
from models.store.callbacks import receive_events
from tasks.bounces.reading import Read, read_mail
from tasks.reports.receiving import rows_of

PROVIDER = "bounces"
"""Under which name keys of events that came by mail are kept: they are the same by whatever way the mail comes."""


def receive_mails(
    database: Database, return_paths: ReturnPaths, mails: Sequence[bytes], *, recipient: str | None = None
) -> list[Read]:
    """Keep what these mails say, in one transaction; nothing of a mail that says nothing is kept.

    Raises what the database raises; then the mails are to be given again, and count once.
    """
    now = datetime.now(UTC)
    found = [read_mail(mail, return_paths, now, recipient) for mail in mails]
    rows = rows_of([read.event for read in found if read.event is not None], now)
    if rows.events:
        with database.transaction(None) as session:
            receive_events(session, PROVIDER, None, now, rows.events, [])
    return found
