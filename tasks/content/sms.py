"""What is stored once for all who get the same SMS, and what each of them reads."""

import hashlib
import json
from dataclasses import dataclass

from models.errors import InvalidInput
from tasks.content.merge_tags import check_source, clean_text, parse_source
from tasks.content.rendering import Renderer, Values


@dataclass(frozen=True, slots=True)
class FrozenSms:
    """One content: its text and who it is from, a verified name or number.

    The text of a campaign is a source with merge tags (`freeze_sms`); that of a single or bulk SMS goes out as it is
    written, braces and all, and is made without a check.
    """

    text: str
    sender_id: str

    @property
    def hash(self) -> bytes:
        """SHA-256 over the channel, the text and the sender."""
        fields = {"channel": "sms", "text": self.text, "sender_id": self.sender_id}
        return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=True).encode("ascii")).digest()

    @property
    def keys(self) -> frozenset[str]:
        """The merge tags that the text uses, if it is a source."""
        return frozenset(parse_source(self.text).keys)


def freeze_sms(text: str, sender_id: str, field: str = "message_content") -> FrozenSms:
    r"""A source with merge tags, as it is stored and priced: line ends as \n, no control characters.

    Raises InvalidInput on `field` when it is empty or its tags are not in the language.
    """
    text = clean_text(text)
    if not text.strip():
        raise InvalidInput({field: [f"The {field} field is required."]})
    check_source(field, text, "text")
    return FrozenSms(text, sender_id)


def sms_renderer(source: str) -> Renderer:
    """A source, compiled for many renderings. What it renders is priced and sent: both must use this one."""
    return Renderer(parse_source(clean_text(source)), is_html=False, common={})


def render_sms(source: str, values: Values) -> str:
    """The source with these values. Raises InvalidInput on `variables` if they cannot be used."""
    return sms_renderer(source).render(values)
