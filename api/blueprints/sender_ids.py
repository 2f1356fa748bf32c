"""The names and numbers that SMS come from."""

from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.schemas.envelopes import Nothing, answer_of, array_of, done, found
from api.schemas.sender_ids import NewSenderId, SenderIdQuery, SenderIdSchema
from api.scope import own
from models.rules.sender_id import SenderFilter
from models.store import sender_ids

blueprint = Blueprint("Sender IDs", __name__, "Names and numbers that SMS come from, approved in two stages.")


@blueprint.route("/sender-ids")
@blueprint.arguments(SenderIdQuery, location="query")
@blueprint.response(200, array_of(SenderIdSchema))
def list_sender_ids(arguments: Arguments) -> dict[str, Any]:
    """List sender IDs

    Newest first; only verified ones, unless another status is asked for.
    """
    shown = SenderFilter(arguments().get("status") or SenderFilter.VERIFIED)
    return found(sender_ids.list_sender_ids(*own(), shown))


@blueprint.route("/sender-ids", methods=["POST"])
@blueprint.arguments(NewSenderId)
@blueprint.response(201, answer_of(SenderIdSchema, mutation=True))
def create_sender_id(arguments: Arguments) -> dict[str, Any]:
    """Ask for a sender ID

    An administrator approves it, then the provider verifies it; only then can it be used.
    """
    sender = sender_ids.request_sender_id(*own(), arguments()["sender_id"])
    return done(sender, "Sender ID request submitted. Awaiting approval from administrator.")


@blueprint.route("/sender-ids/<id:sender_id_id>/default", methods=["PATCH"], errors=(409,))
@blueprint.response(200, answer_of(SenderIdSchema, mutation=True))
def set_default_sender_id(sender_id_id: UUID) -> dict[str, Any]:
    """Make a sender ID the default

    It must be verified. It takes the place of the one before.
    """
    return done(sender_ids.make_default(*own(), sender_id_id), "Sender ID set as default")


@blueprint.route("/sender-ids/<id:sender_id_id>", methods=["DELETE"], errors=(409,))
@blueprint.response(200, Nothing)
def delete_sender_id(sender_id_id: UUID) -> dict[str, Any]:
    """Delete a sender ID

    Not while it is the default, nor when messages came from it.
    """
    sender_ids.delete_sender_id(*own(), sender_id_id)
    return done(None, "Sender ID deleted successfully")
