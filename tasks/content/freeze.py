"""What is stored once for all who get the same email: the frozen content.

Freezing does what is too slow to do for each message (CSS into style attributes, text from html, checks) and gives
the content a hash, under which it is shared: the same hash means the same messages but for the values.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from models.errors import InvalidInput
from tasks.content.attachments import StoredFile
from tasks.content.headers import wire_address
from tasks.content.inline_css import inline_css
from tasks.content.merge_tags import check_source, clean_text, parse_source
from tasks.content.plain_text import text_from_html
from tasks.content.rendering import Scalar, Values, is_missing
from tasks.content.tracking_tags import Tracking


@dataclass(frozen=True, slots=True)
class FrozenEmail:
    r"""One content. `subject`, `html`, `text` are sources with merge tags and \n line ends; at least one of html and
    text is there. `variables` are values for all recipients (a template's defaults): a recipient's own win."""

    subject: str
    html: str | None
    text: str | None
    from_email: str
    from_name: str | None = None
    reply_to: str | None = None
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    template_id: str | None = None
    template_version: int | None = None
    attachments: Sequence[StoredFile] = ()
    tracking: Tracking | None = None

    @property
    def hash(self) -> bytes:
        """SHA-256 over every field."""
        fields = {name: getattr(self, name) for name in FrozenEmail.__dataclass_fields__}
        fields["variables"] = dict(self.variables)
        fields["attachments"] = [asdict(file) for file in self.attachments]
        if self.tracking is None:  # as before there was any
            del fields["tracking"]
        else:
            fields["tracking"] = asdict(self.tracking)
        return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=True).encode("ascii")).digest()

    @property
    def keys(self) -> frozenset[str]:
        """The merge tags that subject, html and text use."""
        sources = (self.subject, self.html, self.text)
        return frozenset(key for source in sources if source for key in parse_source(source).keys)


def freeze_email(
    *,
    subject: str,
    html: str | None,
    text: str | None,
    from_email: str,
    from_name: str | None = None,
    reply_to: str | None = None,
    variables: Values | None = None,
    template_id: str | None = None,
    template_version: int | None = None,
    text_later: bool = False,
    tracking: Tracking | None = None,
) -> FrozenEmail:
    """The content as it is stored and sent: CSS inlined, text made from html where there is none.

    `text_later`: making the text, which takes longer than all the rest, is left to `with_text`, unless the html has
    conditions that may not survive it. Raises InvalidInput on subject, html_content, text_content, from_email or
    reply_to.
    """
    subject, html, text = clean_text(subject), clean_text(html or ""), clean_text(text or "")
    if not subject.strip():
        raise InvalidInput({"subject": ["The subject field is required."]})
    if not html.strip() and not text.strip():
        raise InvalidInput({"html_content": ["The html_content field is required when text_content is missing."]})
    check_source("subject", subject, "subject")
    check_source("html_content", html, "html")
    check_source("text_content", text, "text")
    if wire_address(from_email, "from_email").needs_smtputf8:
        raise InvalidInput(
            {"from_email": ["The from_email must have an ASCII local part: replies could not reach it."]}
        )
    if reply_to:
        wire_address(reply_to, "reply_to")
    if not text.strip() and not (text_later and "{%" not in html):
        text = text_from_html(html)
    return FrozenEmail(
        subject=subject,
        html=inline_css(html) if html.strip() else None,
        text=text if text.strip() else None,
        from_email=from_email,
        from_name=from_name or None,
        reply_to=reply_to or None,
        variables={key: value for key, value in (variables or {}).items() if not is_missing(value)},
        template_id=template_id,
        template_version=template_version,
        tracking=tracking,
    )


def with_text(frozen: FrozenEmail) -> FrozenEmail:
    """The content with a text made from its html, if it has none and one can be made."""
    if frozen.text is not None or frozen.html is None:
        return frozen
    try:
        text = text_from_html(frozen.html)
    except InvalidInput:  # broken html: it goes out as it is, alone
        return frozen
    return replace(frozen, text=text) if text.strip() else frozen
