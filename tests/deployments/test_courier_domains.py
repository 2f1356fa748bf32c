"""The courier's thread for domains: DNS and providers are two things, and trouble with one leaves the other alone."""

import threading

import pytest

from deployments import courier_domains
from deployments.courier_domains import DomainsThread
from models.errors import SetupError
from models.session import Database
from models.settings import Settings
from tasks.domains.registering import Registering


def test_providers_are_asked_while_dns_is_in_trouble(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_domains, "_LOOK_SECONDS", 0.001)
    looks, asked = threading.Semaphore(0), []

    def no_resolver(*_: object) -> bool:
        asked.append("dns")
        raise SetupError("This machine names no DNS resolver.")

    monkeypatch.setattr(courier_domains, "recheck_next", no_resolver)
    monkeypatch.setattr(Registering, "look", lambda _: looks.release())
    thread = DomainsThread(database, settings)
    thread.start()
    try:
        assert all(looks.acquire(timeout=10) for _ in range(3))
    finally:
        thread.stop()
    assert asked == ["dns"]  # it rests for minutes


def test_neither_waits_for_all_of_the_other(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_domains, "_LOOK_SECONDS", 0.001)
    both = threading.Barrier(2)
    count = {"dns": 0}

    def endless(*_: object) -> bool:
        count["dns"] += 1
        return True

    def look(_: Registering) -> None:
        monkeypatch.setattr(Registering, "look", lambda _: None)
        both.wait(10)

    monkeypatch.setattr(courier_domains, "recheck_next", endless)
    monkeypatch.setattr(Registering, "look", look)
    thread = DomainsThread(database, settings)
    thread.start()
    both.wait(10)
    thread.stop()
    assert count["dns"] >= 50
