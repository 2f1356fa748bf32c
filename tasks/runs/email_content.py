"""The content of an email campaign: put together from campaign and template, frozen, stored, and made ready to send."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from models.errors import InvalidInput
from models.rules.domain_names import domain_of, with_stored_domain
from models.store.campaign_states import default_domain, usable_template, verified_domain
from models.store.contents import store_content
from models.store.email_domains import verified_domains
from models.store.messages import PlannedMessage
from models.store.organizations import read_organization
from models.tables import Campaign, Content, EmailDomain, EmailTemplate
from tasks.content.attachments import AttachedFile, StoredFile
from tasks.content.freeze import FrozenEmail, freeze_email, with_text
from tasks.content.headers import mailbox_text, wire_address
from tasks.content.merging import MergeSource
from tasks.content.mime import PreparedEmail
from tasks.content.rendering import Scalar
from tasks.content.tracking import Links, tracked
from tasks.content.tracking_tags import Tracking
from tasks.providers.base import Merge, MergeContent, OutgoingMessage, Signer


def freeze_campaign(session: Session, campaign: Campaign) -> tuple[UUID, FrozenEmail]:
    """The campaign's content as it will go out, and the id it is stored under.

    Explicit fields override the template's. Raises InvalidInput when content or a verified from-address is missing.
    """
    template = _template(session, campaign)
    sender, sender_name, domain = _sender(session, campaign)
    frozen = freeze_email(
        subject=campaign.subject or (template.subject_template if template else ""),
        html=campaign.html_content or (template.html_content if template else None),
        text=campaign.text_content or (template.text_content if template and not campaign.html_content else None),
        from_email=sender,
        from_name=sender_name,
        reply_to=campaign.reply_to,
        variables={**_defaults(template), **campaign.template_variables},
        template_id=str(template.id) if template else None,
        template_version=template.version if template else None,
        tracking=_tracking(session, campaign, domain),
    )
    content_id = store_content(
        session,
        campaign.organization_id,
        frozen.hash,
        {**content_columns(frozen), "template_id": template.id if template else None},
    )
    return content_id, frozen


def content_columns(frozen: FrozenEmail) -> dict[str, Any]:
    """The frozen email as columns of `contents`, in values of JSON."""
    return {
        "subject": frozen.subject,
        "html": frozen.html,
        "text": frozen.text,
        "from_email": frozen.from_email,
        "from_name": frozen.from_name,
        "reply_to": frozen.reply_to,
        "variables": dict(frozen.variables),
        "attachments": [asdict(file) for file in frozen.attachments],
        "template_id": frozen.template_id,
        "template_version": frozen.template_version,
        "tracking": asdict(frozen.tracking) if frozen.tracking else None,
    }


def frozen_email(content: Content) -> FrozenEmail:
    """The frozen email that a row of `contents` holds, with the text that was left to be made when it is sent."""
    assert content.subject is not None
    assert content.from_email is not None
    stored = FrozenEmail(
        subject=content.subject,
        html=content.html,
        text=content.text,
        from_email=content.from_email,
        from_name=content.from_name,
        reply_to=content.reply_to,
        variables=content.variables,
        template_id=str(content.template_id) if content.template_id else None,
        template_version=content.template_version,
        attachments=[StoredFile(**file) for file in content.attachments or ()],
        tracking=Tracking(**content.tracking) if content.tracking else None,
    )
    return with_text(stored)


class EmailComposer:
    """Makes the bytes of each message of one content."""

    def __init__(
        self,
        content: Content,
        attachments: Sequence[AttachedFile] = (),
        *,
        links: Links | None = None,
        signer: Signer | None = None,
    ) -> None:
        """`attachments` are the files of `content.attachments`, read by the caller. Without `links`, nothing is tracked
        and nobody can unsubscribe. `signer` goes along with each message."""
        self._signer = signer
        self._tracked = tracked(frozen_email(content), content.id, links)
        self._prepared = PreparedEmail(self._tracked.frozen, self._tracked.headers, attachments)
        self._second = 0
        self._date = datetime.fromtimestamp(0, UTC)

    def __call__(self, message: PlannedMessage) -> OutgoingMessage:
        """The message as it goes out. The date is the hand-over's, to the second."""
        values = self._tracked.values(message.id, flat_values(message.variables))
        if (second := int(time.time())) != self._second:  # writing a date takes as long as all the rest
            self._second, self._date = second, datetime.fromtimestamp(second, UTC)
        content = self._prepared.build(message.id, message.recipient, message.to_name, self._date, values)
        recipient = _envelope(message.recipient)
        return OutgoingMessage(
            message.id, self._prepared.sender, recipient, content, message.tries + 1, signer=self._signer
        )


class MergeComposer:
    """Makes of each message of one content what a provider that merges fills in itself."""

    def __init__(self, content: Content, *, links: Links | None = None) -> None:
        self._tracked = tracked(frozen_email(content), content.id, links)
        frozen = self._tracked.frozen
        self._source = MergeSource(frozen, self._tracked.headers)
        self._sender = wire_address(frozen.from_email, "from_email").address
        self._content = MergeContent(
            sender=mailbox_text(frozen.from_email, frozen.from_name),
            reply_to=mailbox_text(frozen.reply_to, None) if frozen.reply_to else None,
            subject=self._source.subject,
            text=self._source.text,
            html=self._source.html,
            headers=self._source.headers,
        )

    def __call__(self, message: PlannedMessage) -> OutgoingMessage:
        """The message as it is handed over."""
        merge = Merge(
            self._content,
            self._source.values(self._tracked.values(message.id, flat_values(message.variables))),
            mailbox_text(message.recipient, message.to_name),
        )
        recipient = _envelope(message.recipient)
        return OutgoingMessage(message.id, self._sender, recipient, b"", message.tries + 1, merge)


def _envelope(recipient: str) -> str:
    """The address as SMTP takes it: an international domain in its ASCII form (RFC 5890)."""
    return recipient if recipient.isascii() else wire_address(recipient).address


def flat_values(variables: str | None) -> Mapping[str, Scalar]:
    """A message's merge tags by their names in the content: {"custom_fields": {"x": 1}} is `custom_fields.x`."""
    values = orjson.loads(variables) if variables else {}
    nested = values.pop("custom_fields", None)
    if isinstance(nested, dict):
        values.update({f"custom_fields.{key}": value for key, value in nested.items()})
    return cast(dict[str, Scalar], values)


def _tracking(session: Session, campaign: Campaign, domain: EmailDomain) -> Tracking:
    """What the campaign says, else what its organization does; people may always unsubscribe."""
    general = read_organization(session, campaign.organization_id)
    opens = general.track_opens if campaign.track_opens is None else campaign.track_opens
    clicks = general.track_clicks if campaign.track_clicks is None else campaign.track_clicks
    return Tracking(opens, clicks, unsubscribe=True, host=domain.tracking_host)


def _template(session: Session, campaign: Campaign) -> EmailTemplate | None:
    if campaign.email_template_id is None:
        return None
    template = usable_template(session, campaign.organization_id, campaign.email_template_id)
    if template is None:
        raise InvalidInput({"email_template_id": ["The selected email_template_id is invalid."]})
    return template


def _defaults(template: EmailTemplate | None) -> dict[str, Scalar]:
    variables = template.variables if template else []
    return {item["key"]: item["default"] for item in variables if item.get("default") is not None}


def _sender(session: Session, campaign: Campaign) -> tuple[str, str | None, EmailDomain]:
    """Address, name, and the verified domain of the address."""
    named = _named_domain(session, campaign)
    address, name = campaign.from_email, campaign.from_name
    if not address:
        default = named or default_domain(session, campaign.organization_id)
        if default is None or default.default_from_email is None:
            raise InvalidInput({"from_email": ["The from_email field is required: there is no default address."]})
        address, name = default.default_from_email, name or default.default_from_name
    # The default's too: a domain's default address may be in another domain, as in the documented example.
    host = domain_of(address)
    domain = verified_domain(session, campaign.organization_id, host)
    if domain is None:
        raise InvalidInput({"from_email": [f"The from_email must be in a verified domain; {host} is not one."]})
    # In ASCII, since by the content's address its keys and rates are found, and so it stands on the wire.
    return with_stored_domain(address), name, domain


def _named_domain(session: Session, campaign: Campaign) -> EmailDomain | None:
    """The domain that the campaign names. Raises InvalidInput where mail may not come from it."""
    if campaign.email_domain_id is None:
        return None
    for domain in verified_domains(session, campaign.organization_id):
        if domain.id == campaign.email_domain_id:
            return domain
    raise InvalidInput({"email_domain_id": ["The selected email_domain_id is invalid."]})
