"""How many requests an organization may make in a minute, and what it is told about it.

Counting is one statement, together with the look-up of the token (models/store/tokens.py, `admit`). Whatever counts
elsewhere has to give the same `Admission`.
"""

from flask import Flask, Response, g

from models.errors import ExoSendError
from models.store.tokens import Admission


class TooManyRequests(ExoSendError):
    """The organization has made as many requests as it may in a minute."""

    status = 429

    def __init__(self) -> None:
        super().__init__("Too Many Attempts.")


def check_limit(admission: Admission) -> None:
    """Remember what the answer will say of the limit. Raises TooManyRequests."""
    g.admission = admission
    if admission.retry_after is not None:
        raise TooManyRequests


def show_limits(app: Flask) -> None:
    """Let every answer to a caller that is known, also an error, say what the limit is and what is left of it."""

    @app.after_request
    def _show(answer: Response) -> Response:
        admission: Admission | None = g.get("admission")
        if admission is not None:
            answer.headers["X-RateLimit-Limit"] = str(admission.caller.rate_limit)
            answer.headers["X-RateLimit-Remaining"] = str(admission.remaining)
            if admission.retry_after is not None:
                answer.headers["Retry-After"] = str(admission.retry_after)
        return answer
