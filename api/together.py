"""Requests of one process that ask Postgres for the same kind of thing ask together."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar, cast

from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")
_With = TypeVar("_With")

_WAIT_SECONDS = 45.0  # longer than Postgres lets a statement of the API take


@dataclass(slots=True, eq=False)
class _Waiting(Generic[_Asked, _Answer]):
    """One that asks. `turn` is given to it when it has an answer, or is the one to ask for all."""

    asked: _Asked
    answer: _Answer | None = None
    has_answer: bool = False
    error: Exception | None = None
    turn: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.turn.acquire()


class Together(Generic[_With, _Asked, _Answer]):
    """Asks for all requests of a key that wait in this process at once. Thread-safe.

    To ask for each by itself costs more than the answer, where all take the same row: they wait for one another in
    Postgres, where waiting is dear. A request that finds nobody asking asks at once: none waits for company.
    """

    def __init__(self, work: Callable[[_With, Sequence[_Asked]], Sequence[_Answer]]) -> None:
        """`work` gives one answer to each, in order. It is called with what the one who asks has in hand."""
        self._work = work
        self._lock = Lock()
        # Of each key for which somebody asks right now, those that wait.
        self._waiting: dict[Hashable, list[_Waiting[_Asked, _Answer]]] = {}

    def ask(self, take_hand: Callable[[], _With], asked: _Asked, key: Hashable = None) -> _Answer:
        """The answer. Raises what `work` raises for the one who asks; the others that wait ask again.

        `take_hand` is called by who asks for all, and by nobody else: only one of them needs a connection. What it
        raises is raised for all, since to wait for a server that is away takes each of them as long.
        """
        own: _Waiting[_Asked, _Answer] = _Waiting(asked)
        with self._lock:
            others = self._waiting.get(key)
            if others is None:
                self._waiting[key] = [own]
            else:
                others.append(own)
        if others is not None:
            self._wait(own, key)
        if own.error is not None:
            raise PoolTimeoutError("There is no connection to ask with.") from own.error
        if not own.has_answer:
            self._ask(take_hand, own, key)
        return cast(_Answer, own.answer)

    def waiting(self, key: Hashable = None) -> int:
        """How many wait for somebody else's asking to end."""
        with self._lock:
            return len(self._waiting.get(key, ()))

    def _wait(self, own: _Waiting[_Asked, _Answer], key: Hashable) -> None:
        if own.turn.acquire(timeout=_WAIT_SECONDS):
            return
        with self._lock:
            if own.turn.acquire(blocking=False):  # it was given just now
                return
            if own in self._waiting[key]:
                self._waiting[key].remove(own)
        raise PoolTimeoutError("A connection of this process has not answered for too long.")

    def _ask(self, take_hand: Callable[[], _With], own: _Waiting[_Asked, _Answer], key: Hashable) -> None:
        try:
            hand = take_hand()
        except Exception as error:
            self._fail(error, own, key)
            raise
        with self._lock:
            together, self._waiting[key] = self._waiting[key], []
        try:
            answers = self._work(hand, [each.asked for each in together])
        except BaseException:
            with self._lock:
                self._waiting[key][:0] = [each for each in together if each is not own]
            raise
        else:
            for each, answer in zip(together, answers, strict=True):
                each.answer, each.has_answer = answer, True
                if each is not own:
                    each.turn.release()
        finally:
            with self._lock:
                if self._waiting[key]:
                    self._waiting[key][0].turn.release()  # it asks, for all that came meanwhile
                else:
                    del self._waiting[key]

    def _fail(self, error: Exception, own: _Waiting[_Asked, _Answer], key: Hashable) -> None:
        with self._lock:
            for each in self._waiting.pop(key):
                if each is not own:
                    each.error = error
                    each.turn.release()
