"""The content of an SMS campaign: put together, frozen, stored, and rendered for each recipient."""

from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.rules.sms import checked_segments
from models.store.contents import store_content
from models.store.sender_ids import read_sender_id, sender_to_use
from models.tables import Campaign, Content, SenderId
from tasks.content.sms import FrozenSms, freeze_sms, render_sms, sms_renderer
from tasks.runs.email_content import flat_values


def freeze_sms_campaign(session: Session, campaign: Campaign) -> tuple[UUID, FrozenSms]:
    """The campaign's content as it will go out, and the id it is stored under; the campaign gets its sender ID.

    Raises InvalidInput when the text or a verified sender ID is missing, or when the text is too long for everybody.
    """
    sender = _sender(session, campaign)
    frozen = freeze_sms(campaign.text_content or "", sender.sender_id)
    check_length(frozen)
    campaign.sender_id_id = sender.id  # the default of today: what it is at the hour of the plan changes nothing
    content_id = store_content(
        session,
        campaign.organization_id,
        frozen.hash,
        {"channel": "sms", "text": frozen.text, "sender_id": frozen.sender_id},
    )
    return content_id, frozen


def check_length(frozen: FrozenSms) -> None:
    """Raise InvalidInput on `message_content` for a text without merge tags that has more than 10 segments.

    With merge tags each recipient's own text decides, in the plan.
    """
    if not frozen.keys:
        checked_segments(render_sms(frozen.text, {}), "message_content")


def frozen_sms(content: Content) -> FrozenSms:
    """The frozen SMS that a row of `contents` holds."""
    assert content.text is not None
    assert content.sender_id is not None
    return FrozenSms(content.text, content.sender_id)


class SmsTexts:
    """The text that a recipient of a campaign gets, by the `variables` stored with the message.

    The plan prices what this returns, and the sender sends it: nothing else may make the text.
    """

    def __init__(self, frozen: FrozenSms) -> None:
        self._renderer = sms_renderer(frozen.text)

    def __call__(self, variables: str | None) -> str:
        """The text for these variables (the text of a JSON object)."""
        return self._renderer.render(flat_values(variables))


def _sender(session: Session, campaign: Campaign) -> SenderId:
    if campaign.sender_id_id is None:
        try:
            return sender_to_use(session, campaign.organization_id, None)
        except InvalidInput:
            missing = "The sender_id_id field is required: the organization has no default sender ID."
            raise InvalidInput({"sender_id_id": [missing]}) from None
    try:
        sender = read_sender_id(session, campaign.organization_id, campaign.sender_id_id)
    except NotFound:
        sender = None
    if sender is None or not sender.is_verified:
        raise InvalidInput({"sender_id_id": ["The selected sender_id_id is not a verified sender ID."]})
    return sender
