"""Which constraint of the database a statement broke: the database is asked, not guessed before."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import IntegrityError

from models.errors import InvalidInput


@contextmanager
def unique_fields(fields: Mapping[str, str]) -> Iterator[None]:
    """Turn a broken unique constraint into InvalidInput. `fields`: constraint's name → field that is taken.

    The transaction is lost by then; whoever catches InvalidInput must roll it back.
    """
    try:
        yield
    except IntegrityError as error:
        name = error.orig.diag.constraint_name if isinstance(error.orig, psycopg.Error) else None
        if name is None or name not in fields:
            raise
        raise taken(fields[name]) from error


def taken(field: str) -> InvalidInput:
    """The error of a value that another row of the organization has."""
    return InvalidInput({field: [f"The {field} has already been taken."]})
