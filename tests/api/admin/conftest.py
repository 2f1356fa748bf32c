"""The cast of the panel: Rita, super admin; of Acme Olga, Max and Vera (owner, member, viewer); Gus owns Globex."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from flask import Flask

import models.passwords
from models.rules.roles import UserRole
from models.session import Database
from tests.support.panel import Person, make_person

_NAMES = {UserRole.SUPER_ADMIN: "rita", UserRole.OWNER: "olga", UserRole.MEMBER: "max", UserRole.VIEWER: "vera"}


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Parameters that take no time; that the real ones are in force is a test of its own."""
    models.passwords._nobodys.cache_clear()
    monkeypatch.setattr(models.passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield
    models.passwords._nobodys.cache_clear()


@pytest.fixture
def someone(app: Flask, engine: Database, acme) -> Callable[..., Person]:
    """Makes somebody of Acme, or of the platform, who is logged in."""

    def make(role: UserRole, organization_id: UUID | None = None, email: str | None = None) -> Person:
        if role != UserRole.SUPER_ADMIN:
            organization_id = organization_id or acme.organization_id
        person = make_person(app, engine, role, organization_id, email or f"{_NAMES[role]}@example.com")
        assert person.log_in().status_code == 303
        return person

    return make


@pytest.fixture
def rita(someone) -> Person:
    return someone(UserRole.SUPER_ADMIN)


@pytest.fixture
def olga(someone) -> Person:
    return someone(UserRole.OWNER)


@pytest.fixture
def max_(someone) -> Person:
    return someone(UserRole.MEMBER)


@pytest.fixture
def vera(someone) -> Person:
    return someone(UserRole.VIEWER)


@pytest.fixture
def gus(someone, globex) -> Person:
    return someone(UserRole.OWNER, globex.organization_id, "gus@globex.example.com")
