"""Verified domains are looked at again every day: does DNS still hold what it held?"""

import logging

from models.session import Database
from models.settings import Settings
from models.store.domain_checks import record_check, take_domain_to_check
from tasks.domains.lookup import TxtLookup
from tasks.domains.verifying import Lookup, ask_dns

log = logging.getLogger(__name__)


def recheck_next(database: Database, settings: Settings, lookup: Lookup | None = None) -> bool:
    """Look at one verified domain whose time has come; False when there is none.

    No transaction is open while DNS is asked, 30 seconds at most. What is missing is shown on the domain at once; it is
    verified no more after 72 hours (models/rules/domain_drift.py).
    """
    with database.transaction(None) as session:
        domain = take_domain_to_check(session)
    if domain is None:
        return False
    findings = ask_dns(domain, settings, lookup or TxtLookup(settings.dns_resolver))
    with database.transaction(None) as session:
        after = record_check(session, domain, findings)
    if after is not None and after.status != "verified":
        log.warning("Domain %s is verified no more: %s", after.domain, after.problems)
    elif after is not None and after.drifting_since is not None:
        log.warning("Records of domain %s are missing since %s: %s", after.domain, after.drifting_since, after.problems)
    return True
