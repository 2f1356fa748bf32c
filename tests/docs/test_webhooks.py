"""docs/webhooks.md: its examples verify what is signed and nothing else, its tables are the rules'."""

import os
import re
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from api.documentation.webhooks import EXAMPLES
from models.rules.webhooks import RETRY_SECONDS
from tasks.webhooks.signing import new_secret, signed_headers
from tests.support.webhooks import EVENTS_BEGIN, EVENTS_END, events_table

_PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
_BODY = '{"type":"webhook.test","timestamp":"2026-01-15T10:00:04+00:00","data":{"text":"ė \\u0000"}}'


def _block(language: str, word: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if word in block)


def test_every_event_is_listed() -> None:
    listed = _PAGE.partition(EVENTS_BEGIN)[2].partition(EVENTS_END)[0]
    assert listed == events_table(), "write `tests.support.webhooks.events_table()` there"
    assert all(f"| `{type_}` |" in listed for type_ in EXAMPLES)


def test_every_wait_is_listed() -> None:
    units = {"s": 1.0, "min": 60.0, "h": 3600.0}
    rows = re.findall(r"^\| (\d+) \| (\d+) (s|min|h) \|$", _PAGE, re.MULTILINE)
    assert [(int(no), int(count) * units[unit]) for no, count, unit in rows] == list(enumerate(RETRY_SECONDS, start=2))


def test_the_python_example_believes_us_and_nobody_else() -> None:
    example: dict = {}
    exec(compile(_block("python", "def read_event"), "webhooks.md", "exec"), example)
    secret = new_secret()
    headers = dict(signed_headers(uuid4(), _BODY, [new_secret(), secret]))
    read = example["read_event"]
    assert read(secret, _BODY.encode(), headers)["type"] == "webhook.test"
    assert read(secret, _BODY.encode() + b" ", headers) is None
    assert read(new_secret(), _BODY.encode(), headers) is None
    assert read(secret, _BODY.encode(), {**headers, "webhook-timestamp": "1768471204"}) is None
    assert read(secret, _BODY.encode(), {}) is None


@pytest.mark.needs("openssl")
def test_the_shell_example_comes_to_the_same_signature(tmp_path: Path) -> None:
    secret = new_secret()
    headers = dict(signed_headers(uuid4(), _BODY, [secret]))
    (tmp_path / "body.json").write_text(_BODY)
    ran = subprocess.run(
        ["/bin/sh", "-e", "-c", _block("sh", "openssl")],
        cwd=tmp_path,
        env={
            **os.environ,
            "SECRET": secret,
            "WEBHOOK_ID": headers["webhook-id"],
            "WEBHOOK_TIMESTAMP": headers["webhook-timestamp"],
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ran.stdout == headers["webhook-signature"]
