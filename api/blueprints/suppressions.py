"""Addresses that are not written to."""

from typing import Any

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.schemas.envelopes import Nothing, answer_of, done, found, listed, page_of, page_request
from api.schemas.suppressions import NewSuppression, SuppressionCheckSchema, SuppressionQuery, SuppressionSchema
from api.scope import own
from models.errors import NotFound
from models.rules.address import normalise_address
from models.store import suppressions

blueprint = Blueprint("Suppressions", __name__, "Addresses that no email goes to, whatever sends it.")


@blueprint.route("/suppressions")
@blueprint.arguments(SuppressionQuery, location="query")
@blueprint.response(200, page_of(SuppressionSchema))
def list_suppressions(arguments: Arguments) -> dict[str, Any]:
    """List suppressed addresses

    Newest first; filtered by reason.
    """
    query = arguments()
    return listed(suppressions.list_suppressions(*own(), page_request(query), reason=query.get("reason")))


@blueprint.route("/suppressions", methods=["POST"])
@blueprint.arguments(NewSuppression)
@blueprint.response(201, answer_of(SuppressionSchema, mutation=True))
@blueprint.alt_response(200, schema=answer_of(SuppressionSchema, mutation=True), success=True)
def create_suppression(arguments: Arguments) -> tuple[dict[str, Any], int]:
    """Suppress an address

    One that is suppressed already is returned as it is, with 200.
    """
    values = arguments()
    suppression, is_new = suppressions.suppress(
        *own(), values["email"], reason=values.get("reason") or "manual", details=values.get("details")
    )
    return done(suppression, "Email suppressed."), 201 if is_new else 200


@blueprint.route("/suppressions/<path:email>", methods=["DELETE"])
@blueprint.response(200, Nothing)
def delete_suppression(email: str) -> dict[str, Any]:
    """Take an address off the list

    It is written to again. An address that is not on the list is 404.
    """
    suppressions.unsuppress(*own(), _address(email))
    return done(None, "Email unsuppressed.")


@blueprint.route("/suppressions/check/<path:email>")
@blueprint.response(200, answer_of(SuppressionCheckSchema))
def check_suppression(email: str) -> dict[str, Any]:
    """Check an address

    Whether it is on the list now.
    """
    address = _address(email)
    suppression = suppressions.find_suppression(*own(), address)
    return found({"email": address, "is_suppressed": suppression is not None})


def _address(email: str) -> str:
    # Postgres refuses NUL in a text, and no address has one.
    if "\x00" in email:
        raise NotFound
    return normalise_address(email)
