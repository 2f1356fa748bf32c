"""What the numbers of SMPP 3.4 mean to the engine: command_status (5.1.3), message_state (5.2.28), words of receipts
(appendix B)."""

from models.rules.reports import ReportKind
from tasks.providers.base import Outcome, OutcomeKind

OK = 0x00
RX_T_APPN = 0x64  # said by us of what we could not keep: "temporary", so it comes again
RX_P_APPN = 0x65
RINVBNDSTS, RINVPASWD, RBINDFAIL, RINVCMDID = 0x04, 0x0E, 0x0D, 0x03
RTHROTTLED, RMSGQFUL, RINVDSTADR = 0x58, 0x14, 0x0B

_SLOW_SECONDS = 1.0

_NAMES = {
    0x01: "ESME_RINVMSGLEN",
    0x02: "ESME_RINVCMDLEN",
    0x03: "ESME_RINVCMDID",
    0x04: "ESME_RINVBNDSTS",
    0x05: "ESME_RALYBND",
    0x06: "ESME_RINVPRTFLG",
    0x07: "ESME_RINVREGDLVFLG",
    0x08: "ESME_RSYSERR",
    0x0A: "ESME_RINVSRCADR",
    0x0B: "ESME_RINVDSTADR",
    0x0D: "ESME_RBINDFAIL",
    0x0E: "ESME_RINVPASWD",
    0x0F: "ESME_RINVSYSID",
    0x14: "ESME_RMSGQFUL",
    0x15: "ESME_RINVSERTYP",
    0x43: "ESME_RINVESMCLASS",
    0x45: "ESME_RSUBMITFAIL",
    0x48: "ESME_RINVSRCTON",
    0x49: "ESME_RINVSRCNPI",
    0x50: "ESME_RINVDSTTON",
    0x51: "ESME_RINVDSTNPI",
    0x53: "ESME_RINVSYSTYP",
    0x58: "ESME_RTHROTTLED",
    0x61: "ESME_RINVSCHED",
    0x62: "ESME_RINVEXPIRY",
    0x64: "ESME_RX_T_APPN",
    0x65: "ESME_RX_P_APPN",
    0x66: "ESME_RX_R_APPN",
    0xC0: "ESME_RINVOPTPARSTREAM",
    0xC1: "ESME_ROPTPARNOTALLWD",
    0xC2: "ESME_RINVPARLEN",
    0xC3: "ESME_RMISSINGOPTPARAM",
    0xC4: "ESME_RINVOPTPARAMVAL",
    0xFE: "ESME_RDELIVERYFAILURE",
    0xFF: "ESME_RUNKNOWNERR",
}

# The account's fault, and no message's.
ACCOUNT = {0x04, 0x05, 0x0D, 0x0E, 0x0F, 0x53}
SLOW_DOWN = {RTHROTTLED, RMSGQFUL}
# Not now. A response with any status but 0 says that nothing was taken, so a second try is no second SMS; that goes for
# RSYSERR as well, and for the numbers that vendors made up (0x400 to 0x4FF), of which nobody knows whether they are for
# good: the engine's few tries bound them.
_DEFERRED = {*SLOW_DOWN, 0x08, 0x45, 0x64, 0xFF}

_STATES = {
    2: ReportKind.DELIVERED,
    3: ReportKind.EXPIRED,
    4: ReportKind.FAILED,  # deleted
    5: ReportKind.FAILED,
    8: ReportKind.FAILED,  # rejected
}
# 1 enroute, 6 accepted, 7 unknown: nothing is known that would end it.
_WORDS = {
    "ENROUTE": 1,
    "DELIVRD": 2,
    "EXPIRED": 3,
    "DELETED": 4,
    "UNDELIV": 5,
    "ACCEPTD": 6,
    "UNKNOWN": 7,
    "REJECTD": 8,
}


def status_name(status: int) -> str:
    """The specification's name, or the number."""
    return _NAMES.get(status, f"0x{status:08X}")


def refusal(status: int) -> Outcome:
    """What a submit_sm_resp means whose command_status is not 0."""
    name = status_name(status)
    detail = f"The SMSC answers {name}."
    if status in ACCOUNT:
        return Outcome(OutcomeKind.UNSENT, code="account", detail=detail)
    if status in _DEFERRED or status not in _NAMES:
        retry_after = _SLOW_SECONDS if status in SLOW_DOWN else None
        return Outcome(OutcomeKind.DEFERRED, code=name, detail=detail, retry_after_seconds=retry_after)
    return Outcome(OutcomeKind.REJECTED, code=name, detail=detail)


def state_of(word: str) -> int | None:
    """The message_state that a receipt's word stands for."""
    return _WORDS.get(word.upper()[:7])


def report_kind(state: int) -> ReportKind | None:
    """What a message_state reports; None: nothing final."""
    return _STATES.get(state)
