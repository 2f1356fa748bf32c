"""Vendors' APIs for domains as they are documented (the pages: tasks/providers/registrars/).

What is entered in DNS nobody looks up: `proved` has the names of domains whose records the vendor is to find.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import orjson

from deployments.http_sink_protocol import Answered

_DKIM = "k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ"


@dataclass
class Domains:
    """The domains of one account, by name. `refused`: names that it does not take, and its words."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    proved: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

    def by_id(self, id_: str) -> dict[str, Any] | None:
        """The domain that has this id."""
        return next((each for each in self.known.values() if str(each["id"]) == id_), None)


def mailgun(domains: Domains, method: str, target: str, body: bytes) -> Answered:
    """GET and POST /v4/domains, GET and PUT …/{name}, DELETE /v3/domains/{name}."""
    path = urlsplit(target).path.split("/")
    if path[1] != ("v3" if method == "DELETE" else "v4"):
        return _json(404, {"message": "not found"})
    if len(path) == 3:
        return _mailgun_list(domains, method, body)
    name = path[3]
    if name not in domains.known:
        return _json(404, {"message": "Domain not found"})
    if method == "DELETE":
        del domains.known[name]
        return _json(200, {"message": "Domain will be deleted in the background"})
    if method == "PUT" and name in domains.proved:
        domains.known[name]["state"] = "active"
    return _json(200, _mailgun_domain(domains, name, "Domain DNS records have been updated"))


def _mailgun_list(domains: Domains, method: str, body: bytes) -> Answered:
    if method == "GET":
        return _json(200, {"total_count": len(domains.known), "items": list(domains.known.values())})
    name = parse_qs(body.decode()).get("name", [""])[0]
    if name in domains.known or name in domains.refused:
        return _json(400, {"message": domains.refused.get(name, "This domain name is already taken")})
    domains.known[name] = {"id": uuid4().hex[:24], "name": name, "state": "unverified", "web_prefix": "email"}
    return _json(200, _mailgun_domain(domains, name, "Domain DNS records have been created"))


def _mailgun_domain(domains: Domains, name: str, text: str) -> dict[str, Any]:
    def record(kind: str, host: str, value: str) -> dict[str, Any]:
        return {"cached": [], "is_active": True, "name": host, "record_type": kind, "valid": "unknown", "value": value}

    return {
        "message": text,
        "domain": domains.known[name],
        "receiving_dns_records": [{"cached": [], "priority": "10", "record_type": "MX", "value": "mxa.mailgun.org"}],
        "sending_dns_records": [
            record("TXT", name, "v=spf1 include:mailgun.org ~all"),
            record("TXT", f"smtp._domainkey.{name}", _DKIM),
            record("CNAME", f"email.{name}", "mailgun.org"),
        ],
    }


def ses(domains: Domains, method: str, target: str, body: bytes) -> Answered:
    """GetAccount, and the actions for identities. `known` keeps the keys that identities were given."""
    if (method, target) == ("GET", "/v2/email/account"):
        return _json(200, {"EnforcementStatus": "HEALTHY", "ProductionAccessEnabled": True, "SendingEnabled": True})
    path = target.split("/")
    if method == "POST":
        document = orjson.loads(body)
        name = document["EmailIdentity"]
        if name in domains.known or name in domains.refused:
            return _aws(
                400, "AlreadyExistsException", domains.refused.get(name, f"Email identity {name} already exist.")
            )
        domains.known[name] = {"keys": document.get("DkimSigningAttributes", {})}
    else:
        name = path[4]
        if name not in domains.known:
            return _aws(404, "NotFoundException", f"Email identity {name} does not exist.")
        if method == "DELETE":
            del domains.known[name]
            return _json(200, {})
        if method == "PUT":
            domains.known[name]["keys"] = orjson.loads(body)["SigningAttributes"]
    keys, is_proved = domains.known[name]["keys"], name in domains.proved
    tokens = [keys["DomainSigningSelector"]] if keys else ["vvjuipp74whm76gqoni7qmwwn4w4qusj"]
    dkim = {
        "SigningEnabled": True,
        "Status": "SUCCESS" if is_proved else "PENDING",
        "Tokens": tokens,
        "SigningAttributesOrigin": "EXTERNAL" if keys else "AWS_SES",
    }
    return _json(200, {"IdentityType": "DOMAIN", "VerifiedForSendingStatus": is_proved, "DkimAttributes": dkim})


def _aws(status: int, name: str, text: str) -> Answered:
    return Answered(status, orjson.dumps({"message": text}), (("X-Amzn-ErrorType", name),))


def sendgrid(domains: Domains, method: str, target: str, body: bytes) -> Answered:
    """GET /v3/scopes, and the authenticated domains."""
    split = urlsplit(target)
    if (method, split.path) == ("GET", "/v3/scopes"):
        return _json(200, {"scopes": ["mail.send", "whitelabel.create", "whitelabel.read"]})
    path = split.path.split("/")
    if len(path) == 4 and method == "GET":
        wanted = parse_qs(split.query).get("domain", [""])[0]
        return _json(200, [each for name, each in domains.known.items() if wanted in name])
    if len(path) == 4:
        return _sendgrid_added(domains, orjson.loads(body)["domain"])
    found = domains.by_id(path[4])
    if found is None:
        return _json(404, {"errors": [{"message": "Not Found"}]})
    if method == "DELETE":
        del domains.known[found["domain"]]
        return Answered(204, b"")
    found["valid"] = found["domain"] in domains.proved
    results = {
        name: {"valid": found["valid"], "reason": None if found["valid"] else "Expected CNAME to match"}
        for name in found["dns"]
    }
    return _json(200, {"id": found["id"], "valid": found["valid"], "validation_results": results})


def _sendgrid_added(domains: Domains, name: str) -> Answered:
    if name in domains.refused:
        return _json(400, {"errors": [{"field": "domain", "message": domains.refused[name]}]})
    id_ = 302183 + len(domains.known)
    host = "u1446226.wl.sendgrid.net"

    def record(label: str, data: str) -> dict[str, Any]:
        return {"valid": False, "type": "cname", "host": f"{label}.{name}", "data": data}

    domains.known[name] = {
        "id": id_,
        "user_id": 1446226,
        "subdomain": "em302",
        "domain": name,
        "automatic_security": True,
        "valid": False,
        "dns": {
            "mail_cname": record("em302", host),
            "dkim1": record("s1._domainkey", f"s1.domainkey.{host}"),
            "dkim2": record("s2._domainkey", f"s2.domainkey.{host}"),
        },
    }
    return _json(201, domains.known[name])


def postmark(domains: Domains, method: str, target: str, body: bytes) -> Answered:
    """The domains of an account."""
    split = urlsplit(target)
    path = split.path.split("/")
    if len(path) == 2 and method == "GET":
        listed = [{"Name": name, "ID": each["id"]} for name, each in domains.known.items()]
        start = int(parse_qs(split.query)["offset"][0])
        return _json(200, {"TotalCount": len(listed), "Domains": listed[start : start + 500]})
    if len(path) == 2:
        name = orjson.loads(body)["Name"]
        if name in domains.known or name in domains.refused:
            return _json(422, {"ErrorCode": 512, "Message": domains.refused.get(name, "This domain already exists.")})
        domains.known[name] = {"id": 36735 + len(domains.known), "name": name, "is_verified": False}
        return _json(200, _postmark_domain(domains.known[name]))
    found = domains.by_id(path[2])
    if found is None:
        return _json(422, {"ErrorCode": 510, "Message": "This domain was not found."})
    if method == "DELETE":
        del domains.known[found["name"]]
        return _json(200, {"ErrorCode": 0, "Message": f"Domain {found['name']} removed."})
    if path[-1] == "verifyDkim":
        found["is_verified"] = found["name"] in domains.proved
    return _json(200, _postmark_domain(found))


def _postmark_domain(found: Mapping[str, Any]) -> dict[str, Any]:
    name, verified = found["name"], found["is_verified"]
    host = f"20131031155228pm._domainkey.{name}"
    return {
        "Name": name,
        "SPFVerified": True,
        "SPFHost": name,
        "SPFTextValue": "v=spf1 a mx include:spf.mtasv.net ~all",
        "DKIMVerified": verified,
        "WeakDKIM": False,
        "DKIMHost": host if verified else "",
        "DKIMTextValue": _DKIM if verified else "",
        "DKIMPendingHost": "" if verified else host,
        "DKIMPendingTextValue": "" if verified else _DKIM,
        "DKIMUpdateStatus": "Verified" if verified else "Pending",
        "ReturnPathDomain": "",
        "ReturnPathDomainVerified": False,
        "ReturnPathDomainCNAMEValue": "pm.mtasv.net",
        "ID": found["id"],
    }


def resend(domains: Domains, method: str, target: str, body: bytes) -> Answered:
    """The domains of an account, two to a page. A verification that was asked for is done with when it is looked at."""
    split = urlsplit(target)
    path = split.path.split("/")
    if len(path) == 2:
        after = parse_qs(split.query).get("after", [""])[0]
        return _resend_list(domains, after) if method == "GET" else _resend_added(domains, orjson.loads(body))
    found = domains.by_id(path[2])
    if found is None:
        return _json(404, {"statusCode": 404, "name": "not_found", "message": "Domain not found"})
    if method == "DELETE":
        del domains.known[found["name"]]
        return _json(200, {"object": "domain", "id": found["id"], "deleted": True})
    if method == "POST":
        found["status"] = "pending"
        return _json(200, {"object": "domain", "id": found["id"]})
    if found["status"] == "pending" and found["name"] in domains.proved:
        found["status"] = "verified"
    return _json(200, found)


def _resend_list(domains: Domains, after: str) -> Answered:
    ids = [each["id"] for each in domains.known.values()]
    start = ids.index(after) + 1 if after else 0
    listed = [{**each, "records": None} for each in domains.known.values()][start : start + 2]
    return _json(200, {"object": "list", "has_more": start + 2 < len(ids), "data": listed})


def _resend_added(domains: Domains, document: Mapping[str, Any]) -> Answered:
    name = document["name"]
    if name in domains.known or name in domains.refused:
        words = f"The {name} domain has been registered already. {domains.refused.get(name, '')}"
        return _json(403, {"name": "validation_error", "message": words})
    domains.known[name] = _resend_domain(name, document.get("region", "us-east-1"))
    return _json(201, domains.known[name])


def _resend_domain(name: str, region: str) -> dict[str, Any]:
    label = name.partition(".")[0] if name.count(".") > 1 else ""

    def host(prefix: str) -> str:
        return f"{prefix}.{label}" if label else prefix

    common = {"ttl": "Auto", "status": "not_started"}
    spf = '"v=spf1 include:amazonses.com ~all"'
    feedback = f"feedback-smtp.{region}.amazonses.com"
    return {
        "object": "domain",
        "id": str(uuid4()),
        "name": name,
        "status": "not_started",
        "region": region,
        "records": [
            {"record": "SPF", "name": host("send"), "type": "MX", "value": feedback, "priority": 10, **common},
            {"record": "SPF", "name": host("send"), "type": "TXT", "value": spf, **common},
            {"record": "DKIM", "name": host("resend._domainkey"), "type": "TXT", "value": _DKIM, **common},
            {
                "record": "Receiving",
                "name": name,
                "type": "MX",
                "value": "inbound.example.com",
                "priority": 9,
                **common,
            },
        ],
    }


def _json(status: int, document: object) -> Answered:
    return Answered(status, orjson.dumps(document))
