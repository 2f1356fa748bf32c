"""Emails as requests describe them, made into messages: content frozen once for all that have the same, values,
sender, price. All is checked before anything is written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from models.errors import InvalidInput
from models.rules.domain_names import domain_of, with_stored_domain
from models.rules.email_status import SUPPRESSED
from models.store.blobs import write_blob
from models.store.email_contents import store_email_contents
from models.store.email_domains import verified_domains
from models.store.ledger import email_price
from models.store.messages import suppressed_among
from models.store.outgoing import NewMessage
from models.store.templates import usable_templates
from models.tables import EmailDomain, EmailTemplate
from tasks.content.attachments import AttachedFile, StoredFile
from tasks.content.freeze import FrozenEmail, freeze_email
from tasks.content.headers import wire_address
from tasks.content.mime import check_values
from tasks.content.rendering import Scalar, Variable, defaults_of, missing_required
from tasks.content.tracking_tags import UNSUBSCRIBE_URL, Tracking
from tasks.runs.email_content import content_columns

Values = Mapping[str, Any]

_FILES_KEPT = timedelta(days=7)
"""Attachments: the last try of a message is a day after the first; the rest is for an outage."""

_CONTENT_FIELDS = (
    "subject",
    "html_content",
    "text_content",
    "from_email",
    "from_name",
    "reply_to",
    "template_id",
    "email_domain_id",
    "track_opens",
    "track_clicks",
)


@dataclass(frozen=True, slots=True)
class EmailRequest:
    """A checked email: values by the names of the API, and its files. `place` is its name in errors (`emails.3`)."""

    values: Values
    files: Sequence[AttachedFile] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Messages ready to be written, in the order of the requests, and how many that go out come from which template."""

    messages: list[NewMessage]
    uses: Mapping[UUID, int]


@dataclass(frozen=True, slots=True)
class _Content:
    """What requests have in common. `problems` are errors by the names of the fields."""

    frozen: FrozenEmail | None
    keys: frozenset[str] = frozenset()
    variables: Sequence[Variable] = ()
    template_id: UUID | None = None
    problems: Mapping[str, Sequence[str]] | None = None


def prepare_emails(
    session: Session,
    organization_id: UUID,
    requests: Sequence[EmailRequest],
    wrong: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Prepared:
    """Check the requests and store their contents and files; returns the messages, priced, in their order.

    A suppressed recipient's costs nothing and never goes out. Raises InvalidInput naming all that is wrong; `wrong` is
    what is known to be, whose values the requests lack.
    """
    maker = _ContentMaker(session, organization_id, {request.values.get("template_id") for request in requests})
    contents: dict[tuple[Any, ...], _Content] = {}
    chosen: list[tuple[Any, ...]] = []
    errors = dict(wrong)
    for request in requests:
        key = (*map(request.values.get, _CONTENT_FIELDS), *map(id, request.files))
        content = contents.get(key)
        if content is None:
            content = contents[key] = maker.make(request.values)
        chosen.append(key)
        _check(request, content, errors)
    if errors:
        raise InvalidInput(errors)
    ids = _store(session, organization_id, contents, dict(zip(chosen, requests, strict=True)))
    recipients = [request.values["to_email"] for request in requests]
    suppressed = suppressed_among(session, organization_id, "email", recipients)
    price = email_price(session, organization_id)
    messages = [
        _message(request.values, contents[key], ids[key], price, is_suppressed=recipient in suppressed)
        for request, key, recipient in zip(requests, chosen, recipients, strict=True)
    ]
    uses = Counter(
        template
        for key, message in zip(chosen, messages, strict=True)
        if message.error_code is None and (template := contents[key].template_id) is not None
    )
    return Prepared(messages, uses)


def _check(request: EmailRequest, content: _Content, errors: dict[str, Sequence[str]]) -> None:
    """Add what is wrong with one request to `errors`."""
    if request.place in errors:  # it is no email at all
        return
    start = f"{request.place}." if request.place else ""
    if f"{start}template_id" not in errors:  # else nobody knows what is missing
        for field, messages in (content.problems or {}).items():
            errors.setdefault(f"{start}{field}", [message.replace(field, f"{start}{field}") for message in messages])
    known = f"{start}variables" in errors
    for key in () if known else missing_required(content.variables, request.values.get("variables") or {}):
        field = f"{start}variables.{key}"
        errors[field] = [f"The {field} field is required."]
    if content.frozen is not None and not known:
        try:
            check_values(content.frozen, request.values.get("variables") or {})
        except InvalidInput as error:
            field = f"{start}variables"
            errors[field] = [message.replace("variables", field) for message in error.errors["variables"]]
    recipient = request.values.get("to_email")
    if recipient and (not recipient.isascii() or '"' in recipient):
        try:
            wire_address(recipient)
        except InvalidInput as error:
            errors[f"{start}to_email"] = error.errors["to_email"]


def _message(values: Values, content: _Content, content_id: UUID, price: Decimal, *, is_suppressed: bool) -> NewMessage:
    given, metadata = values.get("variables"), values.get("metadata")
    used = {key: given[key] for key in content.keys if given.get(key) is not None} if given else None
    return NewMessage(
        recipient=values["to_email"],
        content_id=content_id,
        cost=Decimal(0) if is_suppressed else price,
        variables=orjson.dumps(used).decode() if used else None,
        to_name=values.get("to_name"),
        metadata=orjson.dumps(metadata).decode() if metadata else None,
        error_code=SUPPRESSED if is_suppressed else None,
    )


def _store(
    session: Session,
    organization_id: UUID,
    contents: Mapping[tuple[Any, ...], _Content],
    examples: Mapping[tuple[Any, ...], EmailRequest],
) -> dict[tuple[Any, ...], UUID]:
    """Ids of the contents, which are stored, with their files."""
    blobs: dict[int, StoredFile] = {}
    hashes: dict[tuple[Any, ...], bytes] = {}
    rows: dict[bytes, Mapping[str, Any]] = {}
    for key, content in contents.items():
        assert content.frozen is not None
        frozen = content.frozen
        if examples[key].files:
            for file in examples[key].files:
                if id(file) not in blobs:
                    blobs[id(file)] = _store_file(session, organization_id, file)
            frozen = _with_files(frozen, [blobs[id(file)] for file in examples[key].files])
        hashes[key] = frozen.hash
        rows[hashes[key]] = content_columns(frozen)
    ids = store_email_contents(session, organization_id, rows)
    return {key: ids[hash_] for key, hash_ in hashes.items()}


def _store_file(session: Session, organization_id: UUID, file: AttachedFile) -> StoredFile:
    blob_id = write_blob(session, organization_id, file.content, media_type=file.media_type, keep=_FILES_KEPT)
    return StoredFile(str(blob_id), file.file_name, file.media_type, len(file.content))


def _with_files(frozen: FrozenEmail, files: Sequence[StoredFile]) -> FrozenEmail:
    return replace(frozen, attachments=tuple(files))


class _ContentMaker:
    """Contents of one organization's requests: template, sender, sources."""

    def __init__(self, session: Session, organization_id: UUID, template_ids: set[UUID | None]) -> None:
        domains = verified_domains(session, organization_id)
        self._domains = {domain.id: domain for domain in domains}
        self._names = {domain.domain for domain in domains}
        self._hosts = {domain.domain: domain.tracking_host for domain in domains}
        self._default = next((domain for domain in domains if domain.is_default), None)
        self._templates = usable_templates(session, organization_id, template_ids - {None})  # type: ignore[arg-type]

    def make(self, values: Values) -> _Content:
        """The content of a request, or what is wrong with it."""
        problems: dict[str, Sequence[str]] = {}
        template = self._template(values, problems)
        sender = self._sender(values, problems)
        variables = [Variable(**variable) for variable in template.variables] if template else []
        subject, html, text = _sources(values, template)
        if not problems.get("template_id"):
            if not subject:
                problems["subject"] = ["The subject field is required."]
            if not html and not text:
                problems["html_content"] = ["The html_content field is required when text_content is missing."]
        if problems:
            return _Content(None, problems=problems)
        assert sender is not None
        freeze = _freeze_again if template else freeze_email
        try:
            frozen = freeze(
                subject=subject,
                html=html,
                text=text,
                from_email=sender[0],
                from_name=sender[1],
                reply_to=values.get("reply_to"),
                variables=_Hashable(defaults_of(variables)),
                template_id=str(template.id) if template else None,
                template_version=template.version if template else None,
                text_later=True,
            )
            frozen = self._with_tracking(frozen, values)
        except InvalidInput as error:
            return _Content(None, problems=error.errors)
        return _Content(frozen, frozen.keys, variables, template.id if template else None)

    def _with_tracking(self, frozen: FrozenEmail, values: Values) -> FrozenEmail:
        """With what is asked for, if anything is. Who writes the unsubscribe link means people to have it."""
        opens, clicks = bool(values.get("track_opens")), bool(values.get("track_clicks"))
        leaves = UNSUBSCRIBE_URL in frozen.keys
        if not (opens or clicks or leaves):
            return frozen
        host = self._hosts.get(domain_of(frozen.from_email))
        return replace(frozen, tracking=Tracking(opens, clicks, leaves, host))

    def _template(self, values: Values, problems: dict[str, Sequence[str]]) -> EmailTemplate | None:
        template_id = values.get("template_id")
        template = self._templates.get(template_id) if template_id else None
        if template_id and template is None:
            problems["template_id"] = ["The selected template_id is invalid."]
        return template

    def _sender(self, values: Values, problems: dict[str, Sequence[str]]) -> tuple[str, str | None] | None:
        """Address and name that it comes from."""
        domain: EmailDomain | None = self._default
        if domain_id := values.get("email_domain_id"):
            domain = self._domains.get(domain_id)
            if domain is None:
                problems["email_domain_id"] = ["The selected email_domain_id is invalid."]
                return None
        address, name = values.get("from_email"), values.get("from_name")
        if not address:
            if domain is None or domain.default_from_email is None:
                problems["from_email"] = ["The from_email field is required: there is no default address."]
                return None
            address, name = domain.default_from_email, name or domain.default_from_name
        # The default's too: a domain's default address may be in another domain.
        host = domain_of(address)
        if host not in self._names:
            problems["from_email"] = [f"The from_email must be in a verified domain; {host} is not one."]
            return None
        return with_stored_domain(address), name


def _sources(values: Values, template: EmailTemplate | None) -> tuple[str, str | None, str | None]:
    """Subject, html and text; what is given wins over the template's, and other html over the template's text."""
    subject, html, text = values.get("subject"), values.get("html_content"), values.get("text_content")
    if template is not None:
        subject = subject or template.subject_template
        text = text or (template.text_content if not html else None)
        html = html or template.html_content
    return subject or "", html, text


class _Hashable(dict[str, Scalar]):
    """Values that a cache can have for a key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self)))


# Inlining a template's CSS takes milliseconds, and it is sent with again and again.
_freeze_again = lru_cache(maxsize=32)(freeze_email)
