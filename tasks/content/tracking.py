"""What our server is told of a mail by the mail itself: opens by a pixel, clicks by links that lead over us, and the
wish to get no more.

A content is rewritten once, when it is made ready to send: its links get the address they lead to, signed, and a tag
in the place of what each message has for its own (models/rules/link_tokens.py). So a message costs the signing of one
token and the splicing of it, as of any merge tag.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from models.rules.link_tokens import LinkKeys, content_mark
from tasks.content.freeze import FrozenEmail
from tasks.content.links import replace_links
from tasks.content.placeholders import with_end
from tasks.content.rendering import Scalar, Values
from tasks.content.tracking_tags import CLICKED, LEAVING, OPENED, UNSUBSCRIBE_URL

_PIXEL = (
    '<img src="{}/t/o/{{{{ {} }}}}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
)


@dataclass(frozen=True, slots=True)
class Links:
    """What links are made with: keys, and the address under which recipients reach this installation, if they do."""

    keys: LinkKeys
    public_url: str | None

    def base(self, host: str | None) -> str | None:
        """How links begin, without a slash at the end. `host`: the sender's own one for links."""
        if host is not None:
            return f"https://{host}"
        return self.public_url.rstrip("/") if self.public_url else None


@dataclass(frozen=True, slots=True)
class TrackedEmail:
    """A content with its links rewritten; `headers` are (name, source) pairs, whose tags are those of `values`."""

    frozen: FrozenEmail
    headers: tuple[tuple[str, str], ...] = ()
    _links: Links | None = None
    _mark: bytes = b""
    _base: str = ""

    def values(self, message_id: UUID, own: Values) -> Values:
        """The values of a message's merge tags, those of its links among them."""
        if self._links is None:
            return own
        heads = self._links.keys.message_links(message_id, self._mark)
        values: dict[str, Scalar] = {UNSUBSCRIBE_URL: f"{self._base}/u/{heads.unsubscribe}", **own}
        values[OPENED], values[CLICKED], values[LEAVING] = heads.open, heads.click, heads.unsubscribe
        return values


def tracked(frozen: FrozenEmail, content_id: UUID, links: Links | None) -> TrackedEmail:
    """The content as it goes out. Where nobody could reach our links it goes out as it is."""
    wanted = frozen.tracking
    base = links.base(wanted.host) if links is not None and wanted is not None else None
    if links is None or wanted is None or base is None:
        return TrackedEmail(frozen)
    mark = content_mark(content_id)
    html = frozen.html
    if html is not None and wanted.clicks:
        start = f"{base}/t/c/{{{{ {CLICKED} }}}}"
        html = replace_links(
            html, lambda url: url if url.startswith(f"{base}/") else start + links.keys.address(url, mark)
        )
    if html is not None and wanted.opens:
        html = with_end(html, _PIXEL.format(base, OPENED))
    headers: list[tuple[str, str]] = []
    if wanted.unsubscribe:
        headers.append(("List-Unsubscribe", f"<{base}/u/{{{{ {LEAVING} }}}}>"))
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))  # RFC 8058, section 3.1
    return TrackedEmail(replace(frozen, html=html), tuple(headers), links, mark, base)
