"""The documented endpoints (docs/api/endpoints.json): the order of the groups, and an example for each.

docs/api/extensions.json has the same of what is served beyond them, and of answers that the documentation leaves out.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

# Links to the files in docs/api: packages carry copies of them.
_ENDPOINTS = Path(__file__).with_name("endpoints.json")
_EXTENSIONS = Path(__file__).with_name("extensions.json")
_PARAMETER = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Documented:
    """One documented endpoint. `place` is its number in the documentation; `answers`: by status, where they differ."""

    place: int
    group: str
    method: str
    path: str
    request: Mapping[str, Any] | None
    multipart: tuple[str, ...]
    query: str | None
    answer: Any
    answers: Mapping[str, Any]

    def answer_of(self, status: str) -> Any:
        """The documented answer with a status; None where there is none."""
        return self.answers.get(status, self.answer)


@cache
def documented_endpoints() -> tuple[Documented, ...]:
    """The documented endpoints, in the order of the documentation."""
    entries = json.loads(_ENDPOINTS.read_text())
    more = {(each["method"], general(each["path"])): each for each in json.loads(_EXTENSIONS.read_text())}
    return tuple(
        _read(place, entry | more.get((entry["method"], general(entry["path"])), {}))
        for place, entry in enumerate(entries)
    )


@cache
def _extensions() -> tuple[Documented, ...]:
    return tuple(_read(-1, {"group": "", **entry}) for entry in json.loads(_EXTENSIONS.read_text()))


def _read(place: int, entry: Mapping[str, Any]) -> Documented:
    return Documented(
        place=place,
        group=entry["group"],
        method=entry["method"].lower(),
        path=entry["path"],
        request=entry.get("request_json"),
        multipart=tuple(entry.get("request_multipart") or ()),
        query=entry.get("query_example"),
        answer=entry.get("response_example"),
        answers=entry.get("response_examples") or {},
    )


def general(path: str) -> str:
    """A path without the names of its parameters: `/campaigns/{}/send`."""
    return _PARAMETER.sub("{}", path)


def find_documented(method: str, path: str) -> Documented | None:
    """What is documented of an operation; None where nothing is."""
    wanted = (method, general(path))
    known = (*documented_endpoints(), *_extensions())
    return next((each for each in known if (each.method, general(each.path)) == wanted), None)


def nearest_documented(method: str, path: str) -> Documented:
    """The endpoint of the documentation that an operation is, or that an extension comes after: the one whose path
    begins most alike, and the last of those."""

    def likeness(each: Documented) -> tuple[bool, int, bool, int]:
        one, other = general(each.path), general(path)
        is_it = (each.method, one) == (method, other)
        return is_it, _alike(one, other), other.startswith(one), each.place

    return max(documented_endpoints(), key=likeness)


def group_of(method: str, path: str) -> str:
    """The group that an operation stands in: its own, or that of what it comes after."""
    found = find_documented(method, path)
    return found.group if found and found.group else nearest_documented(method, path).group


def groups() -> list[str]:
    """The groups of the documentation in its order, then those that extensions have for themselves."""
    return list(dict.fromkeys(each.group for each in (*documented_endpoints(), *_extensions()) if each.group))


def _alike(one: str, other: str) -> int:
    """How many characters two paths have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
