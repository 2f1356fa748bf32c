"""From a user agent to a device, a mail client, and whether a machine was at work: the lists, and ua-parser.

Names as the API shows them: devices Desktop, Mobile, Tablet, Unknown; clients as in `_CLIENTS`, else the browser's.
"""

from dataclasses import dataclass
from functools import lru_cache

import ua_parser

UNKNOWN = "Unknown"
_LONGEST = 1000  # of what is looked at: matching takes time with the length

# What fetches images or follows links without anybody looking. Apple's Mail Privacy Protection says no more than
# "Mozilla/5.0", and fetches everything as soon as it comes in.
_PRIVACY_PROXIES = {"mozilla/5.0"}
_SCANNERS = (
    "barracuda",
    "bot",
    "crawler",
    "curl/",
    "go-http-client",
    "headlesschrome",
    "java/",
    "mimecast",
    "okhttp",
    "proofpoint",
    "python-",
    "spider",
    "symantec",
    "trendmicro",
    "wget/",
)

# Image proxies that fetch when somebody opens the message: a person was there, on an unknown device.
_MAIL_PROXIES = {"googleimageproxy": "Gmail", "yahoomailproxy": "Yahoo Mail"}

# ua-parser's family → the mail client.
_CLIENTS = {
    "Apple Mail": "Apple Mail",
    "Mobile Safari UI/WKWebView": "Apple Mail",  # Safari itself names its version, Mail does not
    "Lotus Notes": "HCL Notes",
    "Outlook": "Outlook",
    "Windows Live Mail": "Outlook",
    "Thunderbird": "Thunderbird",
    "YahooMobileMail": "Yahoo Mail",
}
_CLIENT_PREFIXES = {"Outlook-": "Outlook", "Microsoft Outlook": "Outlook", "Gmail": "Gmail", "AirMail": "Airmail"}
_DESKTOPS = {"Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Chrome OS", "FreeBSD", "Debian"}
_TABLETS = ("ipad", "tablet", "kindle", " tab ", "sm-t", "sm-x")


@dataclass(frozen=True, slots=True)
class Reader:
    """In what a message was read; `is_machine` when nobody read it there."""

    device: str = UNKNOWN
    client: str = UNKNOWN
    is_machine: bool = False


@lru_cache(maxsize=4096)
def reader_of(user_agent: str) -> Reader:
    """What the user agent says."""
    lowered = user_agent.strip().lower()[:_LONGEST]
    if not lowered:
        return Reader()
    for name, client in _MAIL_PROXIES.items():
        if name in lowered:
            return Reader(UNKNOWN, client)
    if lowered in _PRIVACY_PROXIES or any(name in lowered for name in _SCANNERS):
        return Reader(is_machine=True)
    parsed = ua_parser.parse(user_agent[:_LONGEST])
    family = parsed.user_agent.family if parsed.user_agent else ""
    system = parsed.os.family if parsed.os else ""
    device = parsed.device.family if parsed.device else ""
    if device == "Spider":
        return Reader(is_machine=True)
    return Reader(_device(system, device, lowered), _client(family, lowered))


def _client(family: str, lowered: str) -> str:
    if family in _CLIENTS:
        return _CLIENTS[family]
    for prefix, client in _CLIENT_PREFIXES.items():
        if family.startswith(prefix) or lowered.startswith(prefix.lower()):
            return client
    return family or UNKNOWN


def _device(system: str, device: str, lowered: str) -> str:
    if any(word in lowered for word in _TABLETS):
        return "Tablet"
    if system == "Android" and "mobile" not in lowered and lowered.startswith("mozilla/"):
        return "Tablet"  # Android's browsers say "Mobile" on telephones only
    if system in {"iOS", "Android", "Windows Phone"} or device == "iPhone":
        return "Mobile"
    return "Desktop" if system in _DESKTOPS else UNKNOWN
