"""Reading callbacks for those who take them in: with the certificates that some are signed with, and confirmations.

The only part of reading that fetches anything. Addresses come from requests that are not known to be real yet, so a
vendor lets through its own alone (`certificate_url`), and what is fetched is bounded in size, time and number.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import httpx2

from models.errors import ExoSendError
from tasks.providers.callbacks import Callback, Confirmation, NamesCertificates, ReadsCallbacks, Told

_SECONDS = 5.0
_MOST_BYTES = 64 * 1024
_KEPT = 32
_MOST_A_MINUTE = 20  # whoever knows an account's name can make up addresses that the vendor's host does not have

Fetch = Callable[[str], bytes]


class NotFetched(ExoSendError):
    """The certificate, or the confirmation, could not be fetched. The provider will send its request again."""


def fetch(url: str) -> bytes:
    """What is at an https address: of at most 64 KB, within about five seconds, redirects not followed. NotFetched."""
    if not url.startswith("https://"):
        raise NotFetched("Certificates and confirmations are fetched over https alone.")
    until = time.monotonic() + 2 * _SECONDS
    body = bytearray()
    try:
        # Proxies of the environment are not used: nothing but the vendor's own host is to be asked.
        with (
            httpx2.Client(timeout=_SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url) as answer,
        ):
            for piece in answer.iter_raw():
                body += piece
                if len(body) > _MOST_BYTES or time.monotonic() > until:
                    raise NotFetched("The provider's answer is too long, or too slow.")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise NotFetched(f"The provider's address cannot be reached: {type(error).__name__}") from None
    if answer.status_code != 200:
        raise NotFetched(f"The provider's address answers {answer.status_code}.")
    return bytes(body)


class CallbackReader:
    """One for a process; threads may share it. Certificates are fetched once and kept."""

    def __init__(self, fetch: Fetch = fetch) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._kept: dict[str, bytes] = {}
        self._fetched_at: list[float] = []

    def read(self, vendor: ReadsCallbacks, callback: Callback, keys: Sequence[str]) -> Sequence[Told]:
        """`read_callback` of a vendor's module, with the certificate where it needs one. Raises what that raises, and
        NotFetched, after which the provider is to send it again (503)."""
        if isinstance(vendor, NamesCertificates):
            url = vendor.certificate_url(callback, keys)
            callback = replace(callback, certificate=self._certificate(url))
        return vendor.read_callback(callback, keys)

    def confirm(self, confirmation: Confirmation) -> None:
        """Say yes to a provider that asks. Raises NotFetched; asking again does no harm."""
        self._fetch(confirmation.url)

    def _certificate(self, url: str) -> bytes:
        with self._lock:
            if (known := self._kept.get(url)) is not None:
                return known
            now = time.monotonic()
            self._fetched_at = [at for at in self._fetched_at if at > now - 60]
            if len(self._fetched_at) >= _MOST_A_MINUTE:
                raise NotFetched("Too many certificates are asked for.")
            self._fetched_at.append(now)
        found = self._fetch(url)
        with self._lock:
            if len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[url] = found
        return found
