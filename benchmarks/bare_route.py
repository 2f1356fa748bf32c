"""The application with one route more, the limit of the API's figures: neither token nor limit of requests, schema or
row-level security, only one SELECT by primary key through the same pool."""

from flask import Flask, Response, jsonify, request
from sqlalchemy import text

from api.app import create_app
from api.scope import resources

PATH = "/bare"
_SELECT = text(
    "SELECT price FROM prices WHERE channel = 'sms' AND prefix = '370' AND currency = 'EUR' "
    "AND valid_from = '2026-01-01'"
)


def create_bare_app() -> Flask:
    """What granian serves while the API is measured."""
    app = create_app()
    app.add_url_rule(PATH, "bare")

    @app.before_request
    def answer_bare() -> Response | None:
        if request.endpoint != "bare":
            return None
        with resources().database.autocommit() as connection:
            return jsonify({"price": connection.execute(_SELECT).scalar_one()})

    return app
