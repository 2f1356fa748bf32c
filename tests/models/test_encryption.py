"""What is encrypted is opened with the same secret key, and with no other."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.encryption import decrypt, encrypt, encrypt_again
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


def test_keys_that_were_replaced_open_what_is_stored_under_them_until_it_is_stored_anew() -> None:
    oldest, old = (encrypt(SETTINGS.with_values(secret_key=key), b"x") for key in ("oldest key", "old key"))
    settings = SETTINGS.with_values(secret_key="new key", secret_key_old="old key, oldest key")
    for stored in (oldest, old):
        assert decrypt(settings, stored) == b"x"
        again = encrypt_again(settings, stored)
        assert again is not None
        assert encrypt_again(settings, again) is None
        assert decrypt(SETTINGS.with_values(secret_key="new key"), again) == b"x"
    with pytest.raises(SetupError, match="EXOSEND_SECRET_KEY_OLD"):
        encrypt_again(settings, encrypt(SETTINGS.with_values(secret_key="unknown"), b"x"))
