"""When a campaign is to pause itself: pure.

The defaults are where a large sender stops its customers: Amazon SES asks for less than 5 % hard bounces and 0.1 %
complaints, and pauses an account at 10 % and 0.5 % ("Reputation metrics messages", Amazon SES Developer Guide,
https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html). Google asks for less than 0.1 % and never
0.3 % of complaints ("Email sender guidelines", https://support.google.com/a/answer/81126). Of refusals at the hand-over
neither says anything: a fifth is no list of living people any more, or a server that takes nothing from this sender.
"""

from dataclasses import dataclass, fields
from decimal import Decimal

LEAST_MESSAGES = 500
FAILED_PERCENT = Decimal(20)
BOUNCED_PERCENT = Decimal(10)
COMPLAINED_PERCENT = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """How much may go wrong, in percent; None: as much as there is. Fewer messages than `least` say nothing yet."""

    least: int = LEAST_MESSAGES
    failed_percent: Decimal | None = FAILED_PERCENT
    bounced_percent: Decimal | None = BOUNCED_PERCENT
    complained_percent: Decimal | None = COMPLAINED_PERCENT


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a campaign's messages, in messages. `bounced`: for good (hard), reported after the hand-over."""

    accepted: int = 0
    failed: int = 0
    delivered: int = 0
    bounced: int = 0
    complained: int = 0

    def since(self, earlier: "Seen") -> "Seen":
        """What came after `earlier`."""
        names = [field.name for field in fields(self)]
        return Seen(**{name: max(0, getattr(self, name) - getattr(earlier, name)) for name in names})

    @property
    def outcomes(self) -> int:
        """Messages that were handed over and answered."""
        return self.accepted + self.failed

    @property
    def reported(self) -> int:
        """Messages whose end is known. Where nobody reports deliveries, as by plain SMTP, it is those accepted: 500
        bounces of a million would be all that is known."""
        return self.delivered + self.bounced if self.delivered else self.accepted


DEATHS_IN_A_ROW = 8
"""Senders that died with the same chunk, one after another, without recording one outcome. The fourth has windows of a
single message, so it is not a message that ends them."""


def reason_of_deaths(takeovers: int) -> str | None:
    """Why a campaign must not go on whose senders die; None when it may."""
    if takeovers < DEATHS_IN_A_ROW:
        return None
    return f"senders_die: {takeovers} senders in a row ended with the same messages, and none recorded an answer."


def reason_to_pause(limits: GuardLimits, seen: Seen) -> str | None:
    """Why a campaign must not go on, in words for people behind a short code; None when it may."""
    checks = [
        ("too_many_failures", seen.failed, seen.outcomes, limits.failed_percent, "were refused for good"),
        ("too_many_hard_bounces", seen.bounced, seen.reported, limits.bounced_percent, "bounced for good"),
        ("too_many_complaints", seen.complained, seen.reported, limits.complained_percent, "brought a complaint"),
    ]
    for code, bad, of, limit, what in checks:
        if limit is not None and of >= limits.least and bad * 100 > limit * of:
            return f"{code}: {bad:,} of {of:,} messages {what}, more than {limit.normalize():f} %."
    return None
