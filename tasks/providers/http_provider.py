"""The Provider of base.py for any vendor with an HTTP API: what is the same for all of them.

A vendor (`tasks/providers/vendors/`) puts messages into requests and reads answers; this does the rest. What became of
a request decides for all of its messages: never written is UNSENT, written and not answered UNCERTAIN.
"""

import asyncio
import base64
import itertools
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from tasks.providers.api_call import ApiRequest
from tasks.providers.base import Capabilities, Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.http_client import HttpClient, HttpServer
from tasks.providers.http_exchange import (
    ABORTED,
    CONTENT,
    PROTOCOL,
    Answer,
    Request,
    Result,
    Unanswered,
    Unwritten,
    retry_after_seconds,
)
from tasks.providers.until import NEVER, Until

log = logging.getLogger(__name__)

ACCOUNT = "account"
_DETAIL_CHARACTERS = 500
_MOST_ALONE = 8
_THROTTLED_SECONDS = 1.0  # where a 429 does not say: else every message of the window would pay a try for it

# What a status says where the vendor's own tables do not (RFC 9110 section 15). 408: the server did not get the whole
# request. 502 and 504 are a gateway's, which does not know what became of what it passed on.
_STATUSES = {
    401: OutcomeKind.UNSENT,
    403: OutcomeKind.UNSENT,
    404: OutcomeKind.UNSENT,
    407: OutcomeKind.UNSENT,
    408: OutcomeKind.DEFERRED,
    421: OutcomeKind.DEFERRED,
    425: OutcomeKind.DEFERRED,
    429: OutcomeKind.DEFERRED,
    503: OutcomeKind.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and the messages that are in it: their places among those that were given together.

    `repeatable`: the vendor knows the same request when it comes again, by a key in it, and gives the answer that the
    first one had. One that nobody knows the end of is then asked a second time, at once.
    """

    request: Request
    places: Sequence[int]
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a vendor's answer means: a row of its tables, None where the status says it. `code`: its own number or word,
    else the status."""

    kind: OutcomeKind | None
    code: str | None = None
    text: str = ""


class Vendor(ABC):
    """One vendor's words. `server` holds the credentials; `secrets` are never shown, whatever an answer repeats."""

    name: str
    capabilities: Capabilities
    server: HttpServer
    secrets: tuple[str, ...]

    @abstractmethod
    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        """The requests that carry the messages, each of them in one. Nothing is waited for."""

    @abstractmethod
    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str | Meaning] | None:
        """What a 2xx answer says of each message: the provider's reference, or what it means where one was not taken
        though others were. None when it is no answer that the vendor documents."""

    @abstractmethod
    def meaning(self, answer: Answer) -> Meaning:
        """What another answer means."""

    def check(self) -> ApiRequest | None:
        """A harmless request that shows whether the account's key is taken; None where the vendor documents none."""
        return None

    def is_let_in(self, answer: Answer) -> bool:
        """Whether the answer to `check` shows that it is."""
        return 200 <= answer.status < 300

    def words(self, answer: Answer, said: str) -> str:
        """An answer's status and what it says, in one line and without a secret."""
        said = self.clean(said) or "no word that is documented"
        return f"{self.name} answers {answer.status}: {said}"[:_DETAIL_CHARACTERS]

    def clean(self, text: str) -> str:
        """One line, without what must not be shown."""
        credentials = (value.partition(" ")[2] for name, value in self.server.headers if name == "Authorization")
        for secret in filter(None, (*self.secrets, *credentials)):
            text = text.replace(secret, "***")
        return re.sub(r"\s+", " ", "".join(char if char.isprintable() else " " for char in text)).strip()


class HttpProvider:
    """See the module. Where an account is refused (401, 403) no message is to blame: they are UNSENT, code `account`,
    which opens the provider's circuit."""

    def __init__(self, vendor: Vendor) -> None:
        self.name = vendor.name
        self.capabilities = vendor.capabilities
        self.vendor = vendor
        self._client = HttpClient(vendor.server)

    def __repr__(self) -> str:
        return f"HttpProvider({self.name}, {self._client!r})"

    async def send(self, messages: Sequence[OutgoingMessage], until: Until = NEVER) -> list[Outcome]:
        """See Provider.send. A cancelled call does not raise: it returns at once with what is known."""
        outcomes: dict[int, Outcome] = {}
        for places in await self._send(messages, range(len(messages)), until, outcomes):
            await self._divide(messages, places, until, outcomes)
        return [outcomes[place] for place in range(len(messages))]

    def abort(self) -> None:
        """See Provider.abort."""
        self._client.abort()

    async def close(self) -> None:
        """See Provider.close."""
        await self._client.close()

    async def _send(
        self, messages: Sequence[OutgoingMessage], places: Sequence[int], until: Until, outcomes: dict[int, Outcome]
    ) -> list[list[int]]:
        """Send those at `places`, and add their outcomes; returns the places of messages that were refused together."""
        part = [messages[place] for place in places]
        found: dict[int, Outcome] = {}
        calls = self._calls(part, found)
        results = await self._exchange(calls, until)
        refused: list[list[int]] = []
        for call, result in zip(calls, results, strict=True):
            told = self._outcomes(result, [part[place] for place in call.places])
            found.update(zip(call.places, told, strict=True))
            if len(told) > 1 and _is_refused_as_a_whole(result, told):
                refused.append([places[place] for place in call.places])
        outcomes.update((places[place], outcome) for place, outcome in found.items())
        return refused

    async def _exchange(self, calls: Sequence[Call], until: Until) -> list[Result]:
        """What became of each call. The word of a second request counts only where it is yes: a no may be about itself,
        and the first one taken."""
        results = await self._client.exchange([call.request for call in calls], until)
        again = [place for place, call in enumerate(calls) if call.repeatable and _is_open(results[place])]
        task = asyncio.current_task()
        if again and not (task is not None and task.cancelling()):
            answers = await self._client.exchange([calls[place].request for place in again], until)
            for place, answer in zip(again, answers, strict=True):
                if isinstance(answer, Answer) and 200 <= answer.status < 300:
                    results[place] = answer
        return results

    async def _divide(
        self, messages: Sequence[OutgoingMessage], places: list[int], until: Until, outcomes: dict[int, Outcome]
    ) -> None:
        """A whole batch was refused, for one of its messages perhaps: send it half by half until it is found.

        Where one after another is refused alone and none is taken, it is not the recipients, and the rest stays
        refused.
        """
        waiting = [places]
        alone, is_any_taken = 0, False
        while waiting and (alone < _MOST_ALONE or is_any_taken):
            refused = waiting.pop()
            middle = len(refused) // 2
            for half in (refused[middle:], refused[:middle]):
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    stopped = Outcome(OutcomeKind.UNSENT, code=ABORTED, detail="Sending was stopped.")
                    outcomes.update(dict.fromkeys([*half, *itertools.chain(*waiting)], stopped))
                    continue
                waiting += await self._send(messages, half, until, outcomes)
                kinds = [outcomes[place].kind for place in half]
                alone += kinds == [OutcomeKind.REJECTED]
                is_any_taken = is_any_taken or OutcomeKind.ACCEPTED in kinds

    def _calls(self, messages: Sequence[OutgoingMessage], outcomes: dict[int, Outcome]) -> list[Call]:
        """The requests; of a message that cannot be put into one, the outcome is added to `outcomes`."""
        try:
            return self.vendor.calls(messages)
        except Exception:  # one message's odd data: nothing is written yet, and the others are to go out
            log.exception("%s: requests could not be put together.", self.name)
        calls: list[Call] = []
        for place, message in enumerate(messages):
            try:
                calls += [Call(call.request, [place]) for call in self.vendor.calls([message])]
            except Exception as error:
                detail = f"The request could not be put together: {type(error).__name__}"
                outcomes[place] = Outcome(OutcomeKind.REJECTED, code=CONTENT, detail=detail)
        return calls

    def _outcomes(self, result: Result, carried: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        match result:
            case Unwritten(code=code, detail=detail):
                kind = OutcomeKind.REJECTED if code == CONTENT else OutcomeKind.UNSENT
                return [Outcome(kind, code=code, detail=self.vendor.clean(detail))] * len(carried)
            case Unanswered(code=code, detail=detail):
                return [Outcome(OutcomeKind.UNCERTAIN, code=code, detail=self.vendor.clean(detail))] * len(carried)
            case Answer():
                return self._read(result, carried)

    def _read(self, answer: Answer, carried: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        try:
            if 200 <= answer.status < 300:
                references = self.vendor.references(answer, carried)
                if references is not None:
                    return [self._one(answer, said) for _, said in zip(carried, references, strict=True)]
            meaning = self.vendor.meaning(answer)
        except Exception:
            log.exception("%s: an answer with the status %s could not be read.", self.name, answer.status)
            meaning = Meaning(None)
        return [self._told(answer, meaning)] * len(carried)

    def _one(self, answer: Answer, said: str | Meaning) -> Outcome:
        """What an answer of a success says of one message."""
        if isinstance(said, Meaning):
            return self._told(answer, said)
        by_ref = self.capabilities.known_by_ref
        return Outcome(OutcomeKind.ACCEPTED, provider_ref=said, code=str(answer.status), known_by_ref=by_ref)

    def _told(self, answer: Answer, meaning: Meaning) -> Outcome:
        retry_after = retry_after_seconds(answer.headers.get("retry-after", ""))
        if retry_after is None and answer.status == 429:
            retry_after = _THROTTLED_SECONDS
        kind = meaning.kind or by_status(answer.status)
        code = PROTOCOL if 200 <= answer.status < 300 and kind is OutcomeKind.UNCERTAIN else str(answer.status)
        code = meaning.code or code
        if kind is OutcomeKind.UNSENT:
            code = ACCOUNT
        elif answer.status == 429 or answer.status >= 500:
            code = str(answer.status)  # by which the engine knows that the provider is to be left alone for a while
        detail = self.vendor.words(answer, meaning.text)
        held = kind in (OutcomeKind.DEFERRED, OutcomeKind.UNSENT)
        return Outcome(kind, code=code, detail=detail, retry_after_seconds=retry_after if held else None)


def _is_open(result: Result) -> bool:
    """Whether nobody knows what became of a request."""
    if isinstance(result, Answer):
        return by_status(result.status) is OutcomeKind.UNCERTAIN and result.status >= 500
    return isinstance(result, Unanswered) and result.code != ABORTED


def _is_refused_as_a_whole(result: Result, told: Sequence[Outcome]) -> bool:
    """Whether one no was said to all of them, which may be for one's sake. A success that says no says to whom."""
    said_together = not isinstance(result, Answer) or not 200 <= result.status < 300
    return said_together and told[0].kind is OutcomeKind.REJECTED


def by_status(status: int) -> OutcomeKind:
    """What a status alone says. A success without the words of one is in doubt, and so are 502 and 504, words of a
    gateway that cannot know, and 500: servers have been seen to break after they took a message."""
    if 300 <= status < 400:  # not followed: the credentials are for one server
        return OutcomeKind.UNSENT
    return _STATUSES.get(status, OutcomeKind.REJECTED if 400 <= status < 500 else OutcomeKind.UNCERTAIN)


def basic(user: str, secret: str) -> tuple[str, str]:
    """The header of RFC 7617."""
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode("ascii")


def json_of(answer: Answer) -> object:
    """The answer's body decoded, None where it is not JSON."""
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def text_at(document: Mapping[str, object] | object, key: str) -> str:
    """The text at a key of a decoded JSON object; "" for anything else."""
    value = document.get(key) if isinstance(document, Mapping) else None
    return value if isinstance(value, str) else ""
