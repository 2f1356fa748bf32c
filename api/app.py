"""The application: what granian serves."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue

from api import health, metrics, webhooks
from api.admin import door
from api.admin.panel import register_panel
from api.blueprint import Blueprint, IdConverter
from api.blueprints import (
    account,
    analytics,
    campaigns,
    contact_imports,
    contact_lists,
    contacts,
    email_domains,
    emails,
    sender_ids,
    sms,
    sms_campaigns,
    suppressions,
    templates,
    webhook_endpoints,
)
from api.documentation.pages import register_pages
from api.encoding import ExactJson
from api.errors import register_errors
from api.forms import Incoming
from api.idempotency import answer_once, keeps_answer
from api.openapi import register_resources
from api.scope import Resources, authenticated
from api.throttle import show_limits
from api.tracking import unsubscribing
from api.tracking import views as tracking
from api.tracking.recorder import Recorder
from api.unread import read_the_rest
from api.valkey_counter import ValkeyCounter
from models.link_keys import link_keys
from models.session import Database, Role
from models.settings import Settings, load_settings

# An import may be 10 MB, which its own rule checks (422); this is where reading stops (413).
REQUEST_BYTES_MAX = 16 * 1024 * 1024
# Attachments may be 20 MB together; in JSON, as Base64, they are 27.
EMAIL_BYTES_MAX = 40 * 1024 * 1024
EMAIL_PARTS_MAX = 50_000  # of a form: a batch of 1,000 emails
LARGE = frozenset({"Emails.send_email", "Emails.send_email_batch"})
TOGETHER = frozenset({"SMS.send_sms"})
"""The endpoints whose work is committed together with that of other requests, not in a transaction of their own."""

PUBLIC = frozenset(
    {
        "api-docs.openapi_json",
        "docs.interactive",
        "docs.reference",
        "docs.static",
        "health.live",
        "health.ready",
        "health.everything",
        "metrics.metrics",
        "tracking.clicked",
        "tracking.opened",
        "unsubscribing.ask",
        "unsubscribing.decide",
        "webhooks.receive",
    }
)
"""The endpoints that need no token. All others do, without having to say so. Callbacks are signed instead."""

BLUEPRINTS: list[Blueprint] = [
    contacts.blueprint,
    contact_imports.blueprint,
    contact_lists.blueprint,
    templates.blueprint,
    campaigns.blueprint,
    sms_campaigns.blueprint,
    email_domains.blueprint,
    suppressions.blueprint,
    account.blueprint,
    sender_ids.blueprint,
    emails.blueprint,
    analytics.blueprint,
    sms.blueprint,
    webhook_endpoints.blueprint,
]


class Application(Flask):
    """Flask, with every view that is not public in the scope of an authenticated request."""

    json_provider_class = ExactJson
    request_class = Incoming

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function: none is a coroutine here, and Flask would look eleven times for each request."""
        return func

    def dispatch_request(self) -> ResponseReturnValue:
        """Authenticate, do the work (once) and commit; what goes wrong on the way is answered by api/errors.py."""
        incoming = request_ctx.request
        endpoint = incoming.endpoint
        if incoming.routing_exception is not None or endpoint in PUBLIC:
            return super().dispatch_request()
        if endpoint in LARGE:
            incoming.max_content_length = incoming.max_form_memory_size = EMAIL_BYTES_MAX
            incoming.max_form_parts = EMAIL_PARTS_MAX
        if "admin" in incoming.blueprints:  # people, with sessions
            return door.answer(super().dispatch_request)
        with authenticated(incoming, in_transaction=endpoint not in TOGETHER or keeps_answer()):
            return answer_once(self._answer)

    def _answer(self) -> Response:
        return self.make_response(super().dispatch_request())


def create_app(settings: Settings | None = None) -> Flask:
    """A new application; without settings, those of the environment. Opens no connection yet."""
    settings = settings or load_settings()
    app = Application("api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = REQUEST_BYTES_MAX
    app.url_map.converters["id"] = IdConverter
    database = Database(settings, Role.API, pool_size=settings.api_threads)
    app.extensions["exosend"] = Resources(
        settings,
        database,
        ValkeyCounter(settings.throttle_url) if settings.throttle_url else None,
        link_keys(settings),
        Recorder(database),
    )
    register_errors(app)
    metrics.count_requests(app)
    show_limits(app)
    read_the_rest(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    app.register_blueprint(webhooks.blueprint)
    app.register_blueprint(tracking.blueprint)
    app.register_blueprint(unsubscribing.blueprint)
    description = register_resources(app, BLUEPRINTS)
    register_pages(app, lambda: description.document, settings.api_url)
    register_panel(app, settings)
    return app
