"""The account of the caller's organization."""

from typing import Any

from api.blueprint import Blueprint
from api.schemas.account import BalanceSchema
from api.schemas.envelopes import answer_of, found
from api.scope import own
from models.store.ledger import read_balance

blueprint = Blueprint("Account", __name__, "Credits.")


@blueprint.route("/balance")
@blueprint.response(200, answer_of(BalanceSchema))
def get_balance() -> dict[str, Any]:
    """Read the balance

    The credits that are left, after what running campaigns hold.
    """
    return found(read_balance(*own()))
