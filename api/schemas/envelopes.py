"""What answers are wrapped in, and the pages of lists."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from api.schemas.fields import Input, Whole
from models.store.pages import Page, PageRequest

REACH = 100_000  # page × per_page: further on, an offset reads everything before it


class PageQuery(Input):
    """Which page of a list."""

    page = Whole(1, REACH, load_default=1, allow_none=True, metadata={"description": "Number of the page, from 1."})
    per_page = Whole(1, 100, load_default=25, allow_none=True, metadata={"description": "Results per page."})

    @validates_schema
    def _within_reach(self, values: dict[str, Any], **_kwargs: Any) -> None:
        request = page_request(values)
        if request.number * request.size > REACH:
            raise ValidationError(f"page × per_page must not be greater than {REACH:,}.", "page")


def page_request(values: dict[str, Any]) -> PageRequest:
    """The page that a checked PageQuery asks for."""
    return PageRequest(values["page"] or 1, values["per_page"] or 25)


class Pagination(Schema):
    """Where in a list a page is."""

    total = fields.Integer(required=True)
    per_page = fields.Integer(required=True)
    current_page = fields.Integer(required=True)
    last_page = fields.Integer(required=True)


class Nothing(Schema):
    """The answer of what returns no data."""

    success = fields.Boolean(required=True)
    data = fields.Raw(required=True, allow_none=True)
    message = fields.String(required=True)


def _name(schema: type[Schema]) -> str:
    return schema.__name__.removesuffix("Schema")


@cache
def answer_of(schema: type[Schema], *, mutation: bool = False) -> type[Schema]:
    """The schema of an answer with one thing; a mutation says what it did in `message`."""
    members: dict[str, Any] = {
        "success": fields.Boolean(required=True),
        "data": fields.Nested(schema, required=True),
    }
    if mutation:
        members["message"] = fields.String(required=True)
    return type(f"{_name(schema)}{'Mutation' if mutation else 'Answer'}", (Schema,), members)


@cache
def array_of(schema: type[Schema]) -> type[Schema]:
    """The schema of an answer with a bare array."""
    data = fields.List(fields.Nested(schema), required=True)
    return type(f"{_name(schema)}Array", (Schema,), {"success": fields.Boolean(required=True), "data": data})


@cache
def page_of(schema: type[Schema]) -> type[Schema]:
    """The schema of an answer with one page of a list, `data.data` and `data.pagination`."""
    members = {
        "data": fields.List(fields.Nested(schema), required=True),
        "pagination": fields.Nested(Pagination, required=True),
    }
    page = type(f"{_name(schema)}Page", (Schema,), members)
    return type(
        f"{_name(schema)}Pages",
        (Schema,),
        {
            "success": fields.Boolean(required=True),
            "data": fields.Nested(page, required=True),
        },
    )


def found(data: Any) -> dict[str, Any]:
    """The answer of a look-up."""
    return {"success": True, "data": data}


def done(data: Any, message: str) -> dict[str, Any]:
    """The answer of a mutation."""
    return {"success": True, "data": data, "message": message}


def listed(page: Page[Any], show: Callable[[Sequence[Any]], Sequence[Any]] = list) -> dict[str, Any]:
    """The answer with one page of a list; `show` turns its items into what the schema dumps."""
    return found({"data": show(page.items), "pagination": pagination_of(page)})


def pagination_of(page: Page[Any]) -> dict[str, int]:
    """Where in its list a page is."""
    return {
        "total": page.total,
        "per_page": page.request.size,
        "current_page": page.request.number,
        "last_page": page.last,
    }
