"""What is encrypted is opened with the same secret key, and with no other."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.encryption import decrypt, encrypt
from models.errors import SetupError
from models.settings import Settings

SETTINGS = Settings(secret_key="one key")  # type: ignore[arg-type]


@given(st.binary(max_size=2000))
def test_what_is_encrypted_comes_back(content: bytes) -> None:
    stored = encrypt(SETTINGS, content)
    assert decrypt(SETTINGS, stored) == content
    assert encrypt(SETTINGS, content) != stored


def test_another_secret_key_opens_nothing() -> None:
    with pytest.raises(SetupError, match="secret key is not the one"):
        decrypt(SETTINGS.with_values(secret_key="another key"), encrypt(SETTINGS, b"x"))


def test_without_a_secret_key_nothing_is_opened(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="There is no secret key"):
        decrypt(SETTINGS.with_values(secret_key=None, data_dir=tmp_path), encrypt(SETTINGS, b"x"))


def test_what_was_changed_on_disk_is_not_opened() -> None:
    stored = bytearray(encrypt(SETTINGS, b"x"))
    stored[-5] ^= 1
    with pytest.raises(SetupError):
        decrypt(SETTINGS, bytes(stored))
