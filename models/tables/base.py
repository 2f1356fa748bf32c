"""What all tables share: names of constraints, and types of columns."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Numeric, Text, func
from sqlalchemy.dialects.postgresql import UUID as PostgresUUID
from sqlalchemy.orm import DeclarativeBase, mapped_column

from models.rules.ids import new_id

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Money = Annotated[Decimal, mapped_column(Numeric(14, 4))]
Percent = Annotated[Decimal, mapped_column(Numeric(5, 2))]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
Id = Annotated[UUID, mapped_column(PostgresUUID(as_uuid=True), default=new_id)]


class Base(DeclarativeBase):
    """The declarative base. Every class below it is one table."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True), UUID: PostgresUUID(as_uuid=True)}  # noqa: RUF012


def one_of(column: str, values: type[StrEnum]) -> str:
    """The CHECK that a text column holds a value of the enumeration."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"
