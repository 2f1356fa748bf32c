"""Mails that come back, as servers write them, in words of our own: tests/data/bounces, {path} is the return path."""

from pathlib import Path
from uuid import UUID

from models.rules.return_paths import ReturnPaths

PATHS = ReturnPaths("bounces@bounces.example.com", ["a-key-for-tests-only"])
MESSAGE = UUID("01890000-0000-7000-8000-000000000042")
_SAMPLES = Path(__file__).parents[1] / "data" / "bounces"


def postfix(
    *, path: str, action: str = "failed", status: str = "5.1.1", diagnostic: str = "550 5.1.1 unknown"
) -> bytes:
    """Postfix's words for what became of a message."""
    return mail("postfix", path, action=action, status=status, diagnostic=diagnostic)


def mail(name: str, path: str, **values: str) -> bytes:
    """A sample with the return path in it, with line ends as they come."""
    return (_SAMPLES / f"{name}.eml").read_text().format(path=path, **values).replace("\n", "\r\n").encode()
