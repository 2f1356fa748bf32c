"""What is shown in Prefect's UI never stops what is sent."""

import pytest

from tasks.steps import reports


@pytest.fixture
def away(monkeypatch) -> list[str]:
    """Prefect's server is away; which artifacts were tried."""
    tried: list[str] = []

    def fail(name: str):
        def call(*_: object, **__: object) -> None:
            tried.append(name)
            raise ConnectionError("all connection attempts failed")

        return call

    for name in ("create_progress_artifact", "create_table_artifact", "create_markdown_artifact"):
        monkeypatch.setattr(reports, name, fail(name))
    return tried


def test_a_server_that_is_away_does_not_stop_a_sender(make_engine, away):
    engine = make_engine(contacts=3)
    run = engine.accept(engine.campaign())
    planned = engine.plan(run)
    reports.publish_funnel(run, planned)
    progress = reports.Progress(engine.database, run.id)
    progress.show(last=True)
    progress.show(last=True)
    reports.publish_results(engine.database, run.id)
    assert away == ["create_table_artifact", *["create_progress_artifact"] * 2, "create_table_artifact"]
