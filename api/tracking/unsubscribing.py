"""Unsubscribing: a page for people, and one POST for mail programs (RFC 8058). Nothing happens on GET: scanners and
previews follow each link of a mail."""

from flask import Blueprint, Response, request

from api.flood_guard import FloodGuard
from api.scope import resources
from api.tracking.answers import not_found, page
from api.tracking.visits import engagement_of
from models.rules.link_tokens import LinkKind
from models.rules.reports import ReportKind
from models.store import engagement
from models.store.engagement import Linked

blueprint = Blueprint("unsubscribing", __name__, template_folder="pages")

FORM_BYTES_MAX = 4096
ONE_CLICK = "List-Unsubscribe"
POSTS_A_MINUTE = 20
"""To one message's link, in this process. By the link and not by the address: mail services unsubscribe thousands of
people from a few addresses of theirs."""

_posts = FloodGuard(rate=POSTS_A_MINUTE / 60, burst=POSTS_A_MINUTE)


@blueprint.route("/u/<token>", merge_slashes=False)
def ask(token: str) -> Response:
    """Ask whether they want no more mail."""
    linked = _linked(token)
    if linked is None:
        return not_found()
    with resources().database.transaction(linked.organization_id) as session:
        is_out = engagement.is_unsubscribed(session, linked.organization_id, linked.recipient)
    return _page("done.html" if is_out else "ask.html", linked)


@blueprint.route("/u/<token>", methods=["POST"], merge_slashes=False)
def decide(token: str) -> Response:
    """Unsubscribe, or take it back. Done, and on disk, when it is answered."""
    request.max_content_length = FORM_BYTES_MAX
    linked = _linked(token)
    if linked is None:
        return not_found()
    if not _posts.take(linked.message_id):
        answer = page("too_often.html", 429)
        answer.headers["Retry-After"] = "60"
        return answer
    by_machine = ONE_CLICK in request.form  # "List-Unsubscribe=One-Click", RFC 8058, section 3.2
    if request.form.get("decision") == "subscribe" and not by_machine:
        with resources().database.transaction(linked.organization_id) as session:
            engagement.subscribe_again(session, linked)
            is_out = engagement.is_unsubscribed(session, linked.organization_id, linked.recipient)
        return _page("refused.html" if is_out else "back.html", linked)
    farewell = engagement_of(
        request, ReportKind.UNSUBSCRIBED, linked.message_id, by="one-click" if by_machine else "page", suppressed=True
    )
    with resources().database.transaction(linked.organization_id) as session:
        engagement.unsubscribe(session, linked, farewell)
    return Response("Unsubscribed.\n", mimetype="text/plain") if by_machine else _page("done.html", linked)


def _linked(token: str) -> Linked | None:
    found = resources().link_keys.read(LinkKind.UNSUBSCRIBE, token)
    if found is None:
        return None
    with resources().database.transaction(None) as session:
        return engagement.find_linked(session, found.message_id)


def _page(template: str, linked: Linked) -> Response:
    return page(template, organization=linked.organization, address=shown_address(linked.recipient))


def shown_address(address: str) -> str:
    """An address as those know it whose it is, and nobody else learns it: whoever has a link, scanners among them, can
    see the page."""
    local, _, domain = address.rpartition("@")
    return f"{local[:2] if len(local) > 3 else local[:1]}•••@{domain}"
