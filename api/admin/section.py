"""What a part of the panel is made of: pages that are shown, forms that are sent, each with the right that it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint

from models.rules.roles import Right

View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a view asks for. `page`: the view that shows the form again, with what was wrong in it."""

    right: Right
    page: View | None = None
    is_open_to_new_users: bool = False


RULES: dict[View, Rule] = {}
"""Each view of the panel and its rule. A view that is not here is refused (api/admin/door.py)."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a form came to: where the browser goes, and what it reads there, once. `secret`: a token or a password."""

    location: str
    message: str
    secret: str | None = None


class Section(Blueprint):
    """A part of the panel."""

    def page(self, path: str, right: Right, *, is_open_to_new_users: bool = False) -> Callable[[View], View]:
        """A view that only shows. `is_open_to_new_users`: also before somebody changed a password made for them."""
        return self._add(path, "GET", Rule(right, None, is_open_to_new_users))

    def form(
        self, path: str, right: Right, *, page: View, is_open_to_new_users: bool = False
    ) -> Callable[[View], View]:
        """A view that changes something and returns `Done`. It is called once for each form that was shown."""
        return self._add(path, "POST", Rule(right, page, is_open_to_new_users))

    def action(self, path: str, right: Right) -> Callable[[View], View]:
        """A view that is sent to, may be called again without harm, and answers by itself."""
        return self._add(path, "POST", Rule(right, None, True))

    def _add(self, path: str, method: str, rule: Rule) -> Callable[[View], View]:
        def decorator(view: View) -> View:
            RULES[view] = rule
            self.add_url_rule(path, view_func=view, methods=[method])
            return view

        return decorator
