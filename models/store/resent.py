"""What is to be known of a message of a run that is sent again since it was uncertain."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from models.rules.lifecycle import RunKind, RunState
from models.rules.quiet_hours import QuietNow, parse_quiet_hours


@dataclass(frozen=True, slots=True)
class Resent:
    """Its run's kind and state when it was claimed, and the run's quiet hours at that moment."""

    kind: RunKind
    run_state: RunState
    quiet: QuietNow | None = None


def read_resent(kind: str, state: str, hours: str | None, epoch: str) -> Resent:
    """From what the outbox reads: `hours` the text of a JSON object, `epoch` the database's time in seconds."""
    quiet = None
    if hours is not None:
        quiet = QuietNow(parse_quiet_hours(json.loads(hours)), datetime.fromtimestamp(float(epoch), UTC))
    return Resent(RunKind(kind), RunState(state), quiet)
