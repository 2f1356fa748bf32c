"""A night in the tests' hands: numbers in several zones, a clock, and the log of a provider's API as the witness."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from models.rules.quiet_hours import parse_quiet_hours, quiet_until
from models.store.chunks import open_work
from models.tables import Run
from tasks.runs.reconcile import reconcile
from tests.support.engine import Engine
from tests.support.other_times import Clock
from tests.support.sinks import Server
from tests.support.sms import add_people, sms_campaign

_HOURS = {"start": "21:00", "end": "08:00"}
_NIGHT = parse_quiet_hours(_HOURS)
# By the places of their numbers: 22:30 in Vilnius is 15:30 in New York, 12:30 in Los Angeles, and morning in Australia.
EVENING = datetime(2027, 1, 15, 20, 30, tzinfo=UTC)
MORNING = datetime(2027, 1, 16, 6, tzinfo=UTC)  # 8:00 in Vilnius
PLACES = ["+3706123{:04}", "+1212555{:04}", "+1310555{:04}", "+6141234{:04}", "+7912345{:04}", "+1800555{:04}"]


@dataclass(slots=True)
class Night:
    """An organization, its clock, and the API that its SMS go to."""

    engine: Engine
    clock: Clock
    server: Server
    seen: Counter[str] = field(default_factory=Counter)

    def people(self, places: list[str], each: int) -> None:
        """So many contacts with numbers at each place."""
        add_people(self.engine, [{"phone": place.format(n)} for n in range(each) for place in places])

    def start(self, at: datetime, **values: object) -> Run:
        """A campaign that is planned at that moment."""
        self.clock.put(at)
        run = self.engine.accept(sms_campaign(self.engine, "Hi", quiet_hours=_HOURS, batch_size=7, **values))
        assert self.engine.plan(run) is not None
        return run

    def send(self, run: Run, at: datetime, *, epoch: int = 1) -> Counter[str]:
        """Send what is due at that moment; who got it, none of them in quiet hours."""
        self.clock.put(at)
        while self.engine.requeue(run):
            pass
        self.engine.send(run, epoch=epoch)
        now = self.server.accepted()
        new = now - self.seen
        self.seen = now
        assert [number for number in new if quiet_until(number, _NIGHT, at) is not None] == []
        return new

    def waits(self, run: Run) -> timedelta:
        """When the next of them is due."""
        with self.engine.database.transaction(None) as session:
            seconds = open_work(session, run.id).next_retry_seconds
        assert seconds is not None
        return timedelta(seconds=seconds)

    def is_clean(self) -> bool:
        """Whether all laws hold."""
        return reconcile(self.engine.database, self.engine.organization_id).is_clean
