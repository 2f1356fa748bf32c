"""What a template must not do: read what is not its own, run for long, grow, or end the process; without the guards it
does."""

import faulthandler
import os
import re
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from minijinja import Environment, TemplateError

from tasks.content import expressions
from tasks.content.engine import new_environment
from tasks.content.freeze import FrozenEmail
from tasks.content.merge_tags import parse_source
from tasks.content.merging import MergeSource
from tasks.content.mime import PreparedEmail
from tasks.content.mjml import compile_mjml
from tasks.content.rendering import Renderer
from tests.support.guards import Attack, is_kept_off, takes_too_long


def _nothing(*_: object) -> None:
    return None


def _as_written(token: expressions.Token, _keys: dict[str, int]) -> str:
    return token.text


NO_CHECKS = {"tasks.content.expressions._check": _nothing, "tasks.content.expressions._name": _as_written}


class _Person:
    """A value that is no plain one: no client can send one, but a mistake of ours could let one in."""

    secret = "xyz"
    __lt__ = __gt__ = lambda *_: True


def _with_attributes(token: expressions.Token, keys: dict[str, int]) -> str:
    first, *attributes = token.text.split(".")
    return ".".join([f"v{keys.setdefault(first, len(keys))}", *attributes]) if token.kind == "key" else token.text


def _rendered(source: str, values: Any = MappingProxyType({})) -> str:
    parse_source.cache_clear()
    try:
        return Renderer(parse_source(source), is_html=False, common={}).render(values)
    except TemplateError as error:
        raise ValueError(error) from error


def _ends_the_process(work: Callable[[], object]) -> bool:
    """Whether the work overflows the stack; tried in a process of its own."""
    child = os.fork()
    if child == 0:
        faulthandler.disable()
        os.close(2)  # the last words are expected
        signal.alarm(20)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
    return os.WIFSIGNALED(status)


def _frozen(html: str) -> FrozenEmail:
    return FrozenEmail(
        subject="Hi", html=html, text=None, from_email="news@example.com", from_name=None, reply_to=None, variables={}
    )


def _bytes(values: dict[str, str], html: str) -> int:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    return len(PreparedEmail(_frozen(html)).build(UUID(int=1), "ann@example.com", None, at, values))


_LOOP = "{%- for a in range(3) %}again {% endfor %}"
_ANY_SIGN = re.compile(expressions._TOKEN.pattern.replace("[<>()", "[*<>()"), expressions._TOKEN.flags)
_OFTEN = "".join(f"<p>{{{{ a|default('{no}') }}}}</p>" for no in range(1500))
_LONG = {"a": "x" * 9000}

ATTACKS = [
    Attack("a function that is called", lambda: "1, 2" in _rendered("{{ range(4)|upper }}"), NO_CHECKS),
    Attack(
        "an attribute that is read",
        lambda: _rendered("{{ a.secret|upper }}", {"a": _Person()}) == "XYZ",
        {"tasks.content.expressions._name": _with_attributes},
    ),
    Attack(
        "a file that is read",
        lambda: "read: secret.key" in _rendered('{%- include "secret.key" %}'),
        {
            **NO_CHECKS,
            "tasks.content.merge_tags._follow_conditions": _nothing,
            "tasks.content.rendering.new_environment": lambda _: Environment(loader=lambda name: f"read: {name}"),
        },
    ),
    Attack(
        "a filter that is not ours",
        lambda: _rendered('{{ "abc"|reverse }}') == "cba",
        {"tasks.content.expressions.FILTERS": expressions.FILTERS | {"reverse"}},
    ),
    Attack(
        "a loop",
        lambda: "again again" in _rendered(_LOOP),
        {**NO_CHECKS, "tasks.content.merge_tags._follow_conditions": _nothing},
    ),
    Attack(
        "a text multiplied",
        lambda: len(_rendered('{{ "xxxxxxxxxx" * 1000000 }}')) == 10_000_000,
        {"tasks.content.expressions._TOKEN": _ANY_SIGN},
    ),
    Attack(
        "work without an end",
        lambda: takes_too_long(lambda: _work("{% for a in range(9999) %}" * 2 + "{% endfor %}" * 2)),
        {"tasks.content.engine.FUEL": 10**15},
    ),
    Attack(
        "a tag that overflows the stack",
        lambda: _ends_the_process(lambda: _rendered("{% if " + "not " * 100_000 + "a %}{% endif %}")),
        {"tasks.content.expressions.TAG_LENGTH_MAX": 10**6},
    ),
    Attack(
        "more tags than a text has",
        lambda: takes_too_long(lambda: parse_source("{{a}}" * 100_000)),
        {"tasks.content.merge_tags.TAGS_MAX": 10**6},
    ),
    Attack(
        "values that make a message grow",
        lambda: _bytes(_LONG, "<p>{{ a }}</p>" * 1500) > 10_000_000,
        {"tasks.content.rendering.VALUES_BYTES_MAX": 10**9},
    ),
    Attack(
        "values that make a merged message grow",
        lambda: sum(map(len, MergeSource(_frozen(_OFTEN)).values(_LONG))) > 10_000_000,
        {"tasks.content.rendering.VALUES_BYTES_MAX": 10**9},
    ),
    Attack(
        "MJML that overflows the stack",
        lambda: _ends_the_process(lambda: _mjml("<mj-wrapper>" * 5_000 + "</mj-wrapper>" * 5_000)),
        {"tasks.content.mjml.NESTING_MAX": 10**6},
    ),
]  # fmt: skip


def _work(template: str) -> None:
    try:
        new_environment().render_str(template)
    except TemplateError as error:
        raise ValueError(error) from error


def _mjml(inside: str) -> str:
    return compile_mjml(f"<mjml><mj-body>{inside}</mj-body></mjml>")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_an_attack_gets_through_only_where_its_guard_is_taken_out(attack: Attack) -> None:
    is_kept_off(attack)
