"""What a window's outcomes say of the provider itself, and telling everybody who sends by it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy.orm import Session

from models.session import DATABASE_AWAY, Database
from models.store import circuits
from models.store.circuits import Admission
from tasks.providers.base import LATE, Outcome, OutcomeKind

log = logging.getLogger(__name__)

_OURS = {LATE, "aborted"}  # our own doing: it says nothing of the provider
# A connection that broke, nobody who answered, no TLS, no SMTP: what a provider calls it whose server is not well.
# Over HTTP it says so itself: 500, 502, 503, 504.
_UNWELL = {"connection", "timeout", "tls", "protocol", "500", "502", "503", "504"}
_SLOW_DOWN = {"429", "421", "503", "ESME_RTHROTTLED", "ESME_RMSGQFUL"}


class Reading(Enum):
    """What a window says of the provider."""

    WORKS = "works"  # it answered for somebody, if only no
    FAILS = "fails"  # nothing got through
    NOTHING = "nothing"


def read_outcomes(outcomes: Sequence[Outcome]) -> Reading:
    """What a window says of the provider. One answer for one message is proof that it works."""
    if any(_is_answer(outcome) for outcome in outcomes):
        return Reading.WORKS
    return Reading.FAILS if any(_is_broken(outcome) for outcome in outcomes) else Reading.NOTHING


def is_of_account(outcome: Outcome) -> bool:
    """Whether a message was certainly not taken, for a reason that is the account's: another one may be given it."""
    if outcome.kind is OutcomeKind.UNSENT:
        return outcome.code not in _OURS
    return outcome.kind is OutcomeKind.DEFERRED and outcome.code in _UNWELL | _SLOW_DOWN


def _is_answer(outcome: Outcome) -> bool:
    if outcome.kind is OutcomeKind.DEFERRED:
        return outcome.code not in _UNWELL
    return outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.REJECTED)


def _is_broken(outcome: Outcome) -> bool:
    if outcome.code in _OURS:
        return False
    # Unsent is every message of a provider that lets nobody in (421, 5xx at the greeting, a refused log-in).
    return outcome.kind is OutcomeKind.UNSENT or outcome.code in _UNWELL


def pause_asked_for(outcomes: Sequence[Outcome]) -> float:
    """For how many seconds the provider wants to be left alone by this account; 0 where it did not say."""
    return max(
        (
            outcome.retry_after_seconds or 0.0
            for outcome in outcomes
            if outcome.kind is OutcomeKind.DEFERRED and outcome.code in _SLOW_DOWN
        ),
        default=0.0,
    )


@dataclass(frozen=True, slots=True)
class Circuit:
    """A provider's circuit, as one sender sees it."""

    database: Database
    name: str

    @classmethod
    def of(cls, database: Database, channel: str, provider: str) -> "Circuit":
        """That of a channel's provider."""
        return cls(database, f"{channel}/{provider}")

    def admit(self, session: Session) -> Admission:
        """See `circuits.admit`."""
        return circuits.admit(session, self.name)

    def give_up_probe(self, session: Session) -> None:
        """See `circuits.give_up_probe`."""
        circuits.give_up_probe(session, self.name)

    def note(self, outcomes: Sequence[Outcome], *, troubled: bool) -> bool:
        """Tell everybody what a window says; returns whether nothing more may go out for now. Blocks.

        `troubled`: there was something wrong, so that a success is worth a write. While Postgres is away nothing is
        told: what came of the messages matters more, and the next window says the same.
        """
        if not needs_noting(outcomes, troubled=troubled):
            return False
        try:
            with self.database.transaction(None) as session:
                return self._note(session, outcomes)
        except DATABASE_AWAY as error:
            log.warning("Postgres is away: %s", str(error).splitlines()[0])
            return False

    def _note(self, session: Session, outcomes: Sequence[Outcome]) -> bool:
        is_open = False
        match read_outcomes(outcomes):
            case Reading.FAILS:
                detail = next((outcome.detail for outcome in outcomes if outcome.detail), None)
                if is_open := circuits.note_failure(session, self.name, detail):
                    log.warning("The provider %s is unavailable, and left alone for a while: %s", self.name, detail)
            case Reading.WORKS:
                circuits.note_success(session, self.name)
        if pause := pause_asked_for(outcomes):
            circuits.note_throttled(session, self.name, pause)
        return is_open or pause > 0


def needs_noting(outcomes: Sequence[Outcome], *, troubled: bool) -> bool:
    """Whether there is anything to tell: seldom, so that a window costs nothing more."""
    reading = read_outcomes(outcomes)
    return reading is Reading.FAILS or (reading is Reading.WORKS and troubled) or pause_asked_for(outcomes) > 0
