"""The application with two routes more, the limits of the API's figures: neither token nor limit of requests, schema or
row-level security, only one SELECT by primary key, or one INSERT of the request's body, through the same pool."""

from flask import Flask, Response, jsonify, request
from sqlalchemy import text

from api.app import create_app
from api.scope import resources
from models.rules.ids import new_id

PATH = "/bare"
INSERT_PATH = "/bare/insert"
TABLE = "bare_bodies"
_SELECT = text(
    "SELECT price FROM prices WHERE channel = 'sms' AND prefix = '370' AND currency = 'EUR' "
    "AND valid_from = '2026-01-01'"
)

_INSERT = text(f"INSERT INTO {TABLE} (id, body) VALUES (:id, :body)")


def create_bare_app() -> Flask:
    """What granian serves while the API is measured."""
    app = create_app()
    app.add_url_rule(PATH, "bare")
    app.add_url_rule(INSERT_PATH, "bare_insert", methods=["POST"])

    @app.before_request
    def answer_bare() -> Response | None:
        if request.endpoint == "bare_insert":
            with resources().database.autocommit() as connection:
                connection.execute(_INSERT, {"id": new_id(), "body": request.get_data()})
            return Response(status=204)
        if request.endpoint != "bare":
            return None
        with resources().database.autocommit() as connection:
            return jsonify({"price": connection.execute(_SELECT).scalar_one()})

    return app
