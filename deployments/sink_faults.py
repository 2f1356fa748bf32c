"""What the mail sink does wrong on purpose, as rules that tests and people can write."""

import json
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from models.errors import SetupError


class Step(StrEnum):
    """Where in a session a rule applies."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    FINAL = "final"  # the final dot


class Action(StrEnum):
    """What happens instead of the usual reply. The accepting ones write the log first, as a real accept does."""

    REPLY = "reply"  # `reply` is sent; a final dot that gets 4xx or 5xx is not accepted
    CLOSE = "close"  # the connection is closed, nothing is accepted
    RESET = "reset"  # the same by a TCP reset: what was on its way is lost
    GARBAGE = "garbage"  # something that is not SMTP is sent, nothing is accepted
    HANG = "hang"  # nothing is ever sent or read again on this connection
    SLOW = "slow"  # the usual reply, after `seconds`; at rcpt and final
    ACCEPT_CLOSE = "accept_close"  # accepted and logged, then closed without a reply
    ACCEPT_RESET = "accept_reset"
    ACCEPT_GARBAGE = "accept_garbage"
    ACCEPT_HANG = "accept_hang"
    ACCEPT_HALF = "accept_half"  # accepted and logged for the first half of the recipients, then closed


ACCEPTING = frozenset(
    {
        Action.SLOW,
        Action.ACCEPT_CLOSE,
        Action.ACCEPT_RESET,
        Action.ACCEPT_GARBAGE,
        Action.ACCEPT_HANG,
        Action.ACCEPT_HALF,
    }
)


class Fault(BaseModel):
    """One rule. It applies where all of its conditions hold; the first rule that applies is followed.

    `recipient`: a glob such as `*@slow.example` (not at connect and mail, where none is known). `first`: only the
    first so many times for each recipient (at connect and mail: in all). `every`: only each so many-th time that
    the other conditions held. `after_messages`: only on a connection that has accepted at least so many. `status`:
    what an SMSC answers instead of `reply`, a command_status; at connect it is that of the bind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Step
    action: Action = Action.REPLY
    reply: str = Field("451 4.3.0 Try again later", pattern=r"^[2-5]\d\d[ -][ -~\n]*$")
    status: int = Field(0x58, ge=1, le=0xFFFFFFFF)
    recipient: str | None = None
    first: int | None = Field(None, ge=1)
    every: int = Field(1, ge=1)
    after_messages: int = Field(0, ge=0)
    seconds: float = Field(1.0, gt=0, le=3600)

    @model_validator(mode="after")
    def _possible(self) -> "Fault":
        if (
            self.action in ACCEPTING
            and self.at is not Step.FINAL
            and (self.action, self.at) != (Action.SLOW, Step.RCPT)
        ):
            raise ValueError(f"{self.action} needs a message, so it goes with at=final only")
        if self.recipient is not None and self.at in {Step.CONNECT, Step.MAIL}:
            raise ValueError(f"no recipient is known at {self.at}")
        return self


_RULES = TypeAdapter(list[Fault])


def parse_faults(text: str) -> list[Fault]:
    """Rules from JSON, one object or a list. Raises SetupError, which says what is wrong with which rule."""
    try:
        data = json.loads(text)
        return _RULES.validate_python(data if isinstance(data, list) else [data])
    except ValueError as error:
        problem = error
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            problem = ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        raise SetupError(f"The faults for the mail sink cannot be read: {problem}") from None


class FaultScript:
    """The rules and how often each has applied; shared by all connections of one sink."""

    def __init__(self, faults: list[Fault]) -> None:
        self._at = {step: [(number, fault) for number, fault in enumerate(faults) if fault.at is step] for step in Step}
        self._met: Counter[tuple[int, str]] = Counter()
        self._seen: Counter[int] = Counter()

    def at(self, step: Step, recipients: list[str], accepted: int) -> Fault | None:
        """The rule to follow at this step of a connection that has accepted so many messages."""
        for number, fault in self._at[step]:
            if accepted < fault.after_messages:
                continue
            key = ""
            if fault.recipient is not None or (fault.first is not None and recipients):
                pattern = fault.recipient or "*"
                matching = next((each for each in recipients if fnmatchcase(each, pattern)), None)
                if matching is None:
                    continue
                key = matching
            self._seen[number] += 1
            if self._seen[number] % fault.every:
                continue
            self._met[number, key] += 1
            if fault.first is None or self._met[number, key] <= fault.first:
                return fault
        return None


def read_faults(path: Path | None, rules: Sequence[str]) -> FaultScript:
    """The rules of a file, then those given one by one, as JSON. Raises SetupError."""
    faults: list[Fault] = []
    if path is not None:
        try:
            faults += parse_faults(path.read_text("utf-8"))
        except OSError as error:
            raise SetupError(f"The script {path} cannot be read: {error.strerror}.") from None
    for rule in rules:
        faults += parse_faults(rule)
    return FaultScript(faults)
