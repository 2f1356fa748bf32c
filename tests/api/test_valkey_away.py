"""A throttle whose Valkey cannot be reached: Postgres counts."""

import pytest

from models.settings import Settings


@pytest.fixture
def api_settings(api_settings: Settings) -> Settings:
    return api_settings.with_values(throttle_url="valkey://:secret@127.0.0.1:9/0")  # port 9 discards


def test_while_valkey_is_away_postgres_counts_and_the_log_keeps_the_password(new_client, caplog) -> None:
    hurried = new_client("Hurried", rate_limit=2)
    answers = [hurried.get("/balance") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    warnings = [record.getMessage() for record in caplog.records if "Valkey is away" in record.getMessage()]
    assert len(warnings) == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "valkey:6379"])
def test_a_url_that_is_none_of_valkeys_is_refused_at_the_start(settings: Settings, url: str) -> None:
    with pytest.raises(ValueError, match="throttle_url"):
        settings.with_values(throttle_url=url)
