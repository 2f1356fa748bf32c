"""`exosend org tracking`."""

from pathlib import Path
from typing import Literal

from deployments.connection import engine_session, typed_id
from models.errors import InvalidInput
from models.rules.domain_names import normalise_domain
from models.store.tracking import set_tracking, set_tracking_host

_Switch = Literal["on", "off"]


def tracking(
    organization: str,
    /,
    *,
    opens: _Switch | None = None,
    clicks: _Switch | None = None,
    domain: str | None = None,
    host: str | None = None,
    data_dir: Path | None = None,
) -> None:
    """Set what an organization's campaigns track, and how the links in mails of a domain begin.

    Parameters
    ----------
    organization
        Its id.
    opens
        Whether campaigns that do not say have a pixel.
    clicks
        Whether the links of campaigns that do not say lead over us.
    domain
        One of its email domains.
    host
        With --domain: the host of its links, or "none". It must lead here by DNS (a CNAME), and the proxy in front must
        answer https for it: a link that nobody answers is a broken mail.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    if (domain is None) != (host is None):
        raise InvalidInput({"host": ["--domain and --host go together."]})
    if host is not None:
        _check(host)
    organization_id = typed_id(organization, "the id of an organization")
    with engine_session("org tracking", data_dir) as session:
        switches = {
            "opens": None if opens is None else opens == "on",
            "clicks": None if clicks is None else clicks == "on",
        }
        found = set_tracking(session, organization_id, **switches, actor="operator")
        if domain is not None:
            chosen = None if host == "none" else normalise_domain(host or "")
            set_tracking_host(session, organization_id, normalise_domain(domain) or domain, chosen, actor="operator")
    print(f"opens: {'on' if found.track_opens else 'off'}, clicks: {'on' if found.track_clicks else 'off'}")


def _check(host: str) -> None:
    if host != "none" and normalise_domain(host) is None:
        raise InvalidInput({"host": [f"--host: {host!r} is not the name of a host."]})
