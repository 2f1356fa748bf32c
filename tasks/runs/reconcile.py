"""Reconciling: look all laws through, of one organization or of all, and say and keep what came of it."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from models.session import Database
from models.store.laws import Law
from models.store.organizations import read_organization
from models.store.reconcile import (
    LAWS,
    Compared,
    Difference,
    compare,
    keep_reconciliation,
    organizations_after,
    snapshot,
    span_of,
)

log = logging.getLogger(__name__)

DAYS = 35
"""How far back messages are recounted if nothing else is said: for so long a provider's reports are known again."""

SHOWN_MAX = 1000  # differences of a law
_LOGGED_MAX = 200  # differences of all laws
_LAW_SECONDS = 300.0  # of an organization
_PAGE = 500


@dataclass(slots=True)
class LawResult:
    """What a law came to over all that was looked at."""

    law: Law
    comparisons: int = 0
    differing: int = 0
    unfinished: int = 0  # organizations for which it took too long
    differences: list[Difference] = field(default_factory=list)

    def add(self, compared: Compared) -> None:
        """Count one organization's."""
        self.comparisons += compared.comparisons
        self.differing += compared.differing
        self.unfinished += not compared.is_finished
        self.differences += compared.differences[: SHOWN_MAX - len(self.differences)]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of a reconciliation."""

    started_at: datetime
    organizations: int
    results: Sequence[LawResult]

    @property
    def comparisons(self) -> int:
        """How many numbers were compared."""
        return sum(result.comparisons for result in self.results)

    @property
    def differing(self) -> int:
        """How many of them are not what they must be."""
        return sum(result.differing for result in self.results)

    @property
    def unfinished(self) -> int:
        """How often a law took too long, so that nothing is known of it."""
        return sum(result.unfinished for result in self.results)

    @property
    def is_clean(self) -> bool:
        """Whether every law was looked through, and holds."""
        return not (self.differing or self.unfinished)

    @property
    def summary(self) -> str:
        """In one line."""
        of = f"{self.comparisons:,} comparisons, {self.organizations:,} organizations"
        broken = [f"{result.law.name} {result.differing:,}" for result in self.results if result.differing]
        late = [result.law.name for result in self.results if result.unfinished]
        parts = [f"{self.differing:,} differences in {of}"]
        parts += [f"broken: {', '.join(broken)}"] if broken else []
        parts += [f"not finished in time: {', '.join(late)}"] if late else []
        return "; ".join(parts)


def reconcile(
    database: Database,
    organization_id: UUID | None = None,
    *,
    days: int | None = DAYS,
    law_seconds: float = _LAW_SECONDS,
) -> Reconciled:
    """Compare all that must be the same, keep the result, and log each difference. Nothing is repaired.

    `organization_id` None: of all. `days`: how far back messages are recounted, None for all time; credits always are.
    Each organization is looked at in a snapshot of its own, so that what is being sent meanwhile is no difference.
    Raises NotFound.
    """
    started_at = datetime.now(UTC)
    results = {law.name: LawResult(law) for law in LAWS}
    organizations = 0
    for own in _organizations(database, organization_id):
        organizations += 1
        _compare(database, results, [law for law in LAWS if not law.of_all], own, days, law_seconds)
    _compare(database, results, [law for law in LAWS if law.of_all], organization_id, days, law_seconds)
    reconciled = Reconciled(started_at, organizations, list(results.values()))
    _log(reconciled)
    with database.transaction(None) as session:
        keep_reconciliation(
            session,
            organization_id=organization_id,
            started_at=started_at,
            organizations=organizations,
            comparisons=reconciled.comparisons,
            differences=reconciled.differing,
            unfinished=reconciled.unfinished,
            details={result.law.name: result.differing for result in reconciled.results if result.differing},
        )
    return reconciled


def _organizations(database: Database, organization_id: UUID | None) -> Iterator[UUID]:
    if organization_id is not None:
        with database.transaction(None) as session:
            read_organization(session, organization_id)
        yield organization_id
        return
    last: UUID | None = None
    while True:
        with database.transaction(None) as session:
            page = organizations_after(session, last, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1]


def _compare(
    database: Database,
    results: dict[str, LawResult],
    laws: Sequence[Law],
    organization_id: UUID | None,
    days: int | None,
    seconds: float,
) -> None:
    with snapshot(database) as session:
        span = span_of(session, organization_id, days=days)
        for law in laws:
            results[law.name].add(compare(session, law, organization_id, span, shown=SHOWN_MAX, seconds=seconds))


def _log(reconciled: Reconciled) -> None:
    differences = [each for result in reconciled.results for each in result.differences]
    for each in differences[:_LOGGED_MAX]:
        log.error(
            "Difference in %s: organization %s, %s: expected %s, found %s",
            each.law,
            each.organization_id,
            each.subject,
            each.expected,
            each.found,
        )
    if reconciled.differing > min(len(differences), _LOGGED_MAX):
        log.error("%s differences more are not logged.", reconciled.differing - min(len(differences), _LOGGED_MAX))
    for result in reconciled.results:
        if result.unfinished:
            log.error("%s was not looked through in time, for %s organizations.", result.law.name, result.unfinished)
    log.info("Reconciled: %s", reconciled.summary)
