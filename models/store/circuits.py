"""The circuits of providers, shared by all who send by them, on every machine. A row is there while something is wrong.

Clocks are the database's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.rules import circuit

_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a provider does. `wait_seconds`: nobody tries before; `troubled`: there is something to be well again of."""

    wait_seconds: float = 0.0
    troubled: bool = False
    is_open: bool = False  # half-open, where `wait_seconds` is 0

    @property
    def is_held(self) -> bool:
        """Whether nothing may be handed over now."""
        return self.wait_seconds > 0


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A provider that nobody tries at the moment: it does not work (`is_open`), or asked for a pause."""

    name: str
    is_open: bool
    wait_seconds: float
    detail: str | None

    @property
    def in_words(self) -> str:
        """For people."""
        again = f"It is tried again in {self.wait_seconds:.0f} s."
        if not self.is_open:
            return f"The provider {self.name} asked for a pause. {again}"
        return f"The provider {self.name} is unavailable. {again} {self.detail or ''}".rstrip()


_STANDINGS = text("""
    SELECT name, open_until IS NOT NULL AS is_open,
           greatest(0, extract(epoch FROM greatest(open_until, throttled_until) - clock_timestamp())) AS wait
    FROM provider_circuits WHERE name = ANY(:names)
""")
_HELD = text("""
    SELECT name, open_until IS NOT NULL AS is_open,
           greatest(0, extract(epoch FROM greatest(open_until, throttled_until) - clock_timestamp())) AS wait,
           CASE WHEN open_until IS NOT NULL THEN detail END AS detail
    FROM provider_circuits
    WHERE open_until IS NOT NULL OR throttled_until > clock_timestamp() ORDER BY name
""")


def standing(session: Session, name: str) -> Standing:
    """How the provider does."""
    return standings(session, [name]).get(name, Standing())


def standings(session: Session, names: Sequence[str]) -> dict[str, Standing]:
    """How those providers do that something is wrong with."""
    rows = session.execute(_STANDINGS, {"names": list(names)})
    return {row.name: Standing(float(row.wait or 0), troubled=True, is_open=row.is_open) for row in rows}


def rest_seconds(session: Session, name: str) -> float:
    """For how long a run has no use for a sender; 0 where it has. While one tries, the others look again soon."""
    now = standing(session, name)
    return max(now.wait_seconds, _LOOK_SECONDS) if now.is_held or now.is_open else 0.0


def unavailable(session: Session) -> Sequence[Unavailable]:
    """Providers that are left alone, or tried again by one sender only."""
    return [Unavailable(row.name, row.is_open, float(row.wait or 0), row.detail) for row in session.execute(_HELD)]


_PROBE = text("""
    UPDATE provider_circuits SET probed_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE name = :name AND open_until <= clock_timestamp()
      AND (probed_until IS NULL OR probed_until <= clock_timestamp())
    RETURNING 1
""")


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a sender may begin; `probes`: it is the one that tries, with one small window."""

    go: bool
    probes: bool = False


def admit(session: Session, name: str) -> Admission:
    """Whether something may be handed over. While the circuit is half-open one sender at a time may."""
    now = standing(session, name)
    if not now.troubled:
        return Admission(go=True)
    if now.is_held:
        return Admission(go=False)
    if not now.is_open:
        return Admission(go=True)
    probes = session.execute(_PROBE, {"name": name, "seconds": circuit.PROBE_SECONDS}).one_or_none() is not None
    return Admission(go=probes, probes=probes)


def give_up_probe(session: Session, name: str) -> None:
    """The sender that was to try has nothing to try with."""
    session.execute(text("UPDATE provider_circuits SET probed_until = NULL WHERE name = :name"), {"name": name})


# Windows that were out when the circuit opened come back broken too: while it is open they change nothing.
_FAIL = text("""
    INSERT INTO provider_circuits AS c (name, failures, detail) VALUES (:name, 1, :detail)
    ON CONFLICT (name) DO UPDATE SET (failures, detail, failed_at, opened, open_until, probed_until) = (
        SELECT c.failures + 1, excluded.detail, clock_timestamp(),
               CASE WHEN opens THEN c.opened + 1 ELSE c.opened END,
               CASE WHEN opens
                    THEN clock_timestamp() + make_interval(secs => least(:longest, :first * 2 ^ least(c.opened, 16)))
                    ELSE c.open_until END,
               CASE WHEN NOT opens THEN c.probed_until END
        FROM (SELECT c.failures + 1 >= :most AND (c.open_until IS NULL OR c.open_until <= clock_timestamp()))
             AS x (opens)
    )
    RETURNING open_until IS NOT NULL
""")


def note_failure(session: Session, name: str, detail: str | None) -> bool:
    """A window did not get through; returns whether the circuit is open."""
    return bool(
        session.execute(
            _FAIL,
            {
                "name": name,
                "detail": detail,
                "most": circuit.OPEN_AFTER,
                "first": circuit.FIRST_PAUSE_SECONDS,
                "longest": circuit.LONGEST_PAUSE_SECONDS,
            },
        ).scalar_one()
    )


_WELL = text("""
    UPDATE provider_circuits
    SET failures = 0, opened = 0, open_until = NULL, probed_until = NULL, detail = NULL
    WHERE name = :name AND throttled_until > clock_timestamp()
""")


def note_success(session: Session, name: str) -> None:
    """A window got through: the circuit is closed. A pause that the provider asked for stays."""
    if session.execute(_WELL, {"name": name}).rowcount == 0:  # type: ignore[attr-defined]
        session.execute(text("DELETE FROM provider_circuits WHERE name = :name"), {"name": name})


def note_throttled(session: Session, name: str, seconds: float) -> None:
    """The provider asked for a pause (429 and its Retry-After, RFC 6585 section 4): it is everybody's."""
    session.execute(
        text("""
            INSERT INTO provider_circuits AS c (name, throttled_until)
            VALUES (:name, clock_timestamp() + make_interval(secs => :seconds))
            ON CONFLICT (name) DO UPDATE SET throttled_until = greatest(c.throttled_until, excluded.throttled_until)
        """),
        {"name": name, "seconds": min(seconds, circuit.LONGEST_THROTTLE_SECONDS)},
    )
