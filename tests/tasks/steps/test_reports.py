"""What is shown in Prefect's UI never stops what is sent."""

import pytest

from tasks.steps import reports
from tests.support.sms import add_people, add_sender, number, sms_campaign


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


def test_what_is_shown_says_that_it_was_sms(make_engine, monkeypatch) -> None:
    shown: list[str] = []

    def keep(*arguments: str, **values: object) -> None:
        shown.extend([*arguments, str(values["description"])])

    for name in ("create_progress_artifact", "create_table_artifact", "create_markdown_artifact"):
        monkeypatch.setattr(reports, name, keep)
    engine = make_engine(contacts=1)
    add_sender(engine)
    add_people(engine, [{"phone": number(1), "first_name": "x" * 200}])
    run = engine.accept(sms_campaign(engine, name="Sale"))
    engine.plan(run)
    engine.send(run)
    engine.close(run)
    reports.publish_results(engine.database, run.id)
    assert [text for text in shown if "Acme · Sale (SMS)" in text] == [shown[0], shown[-1]]
    summary = next(text for text in shown if text.startswith("# Sale"))
    assert "Acme · SMS · completed" in summary
    assert "- 2 segments" in summary
    assert f"/api/v1/sms/campaigns/{run.campaign_id}" in summary
