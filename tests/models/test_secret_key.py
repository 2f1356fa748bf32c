"""The secret key, from the environment or from a file, and what follows from it."""

from pathlib import Path

import pytest

from models.errors import SetupError
from models.session import Role, role_password, secret_key
from models.settings import Settings, load_settings


def _settings(folder: Path, key: str | None) -> Settings:
    return load_settings(data_dir=folder, secret_key=key)


@pytest.mark.parametrize("written", ["key\n", "key\r\n", " key "])
def test_a_key_with_a_newline_at_its_end_makes_the_same_passwords(tmp_path: Path, written: str) -> None:
    (tmp_path / "secret.key").write_text(written)
    for role in Role:
        wanted = role_password(_settings(tmp_path, "key"), role)
        assert role_password(_settings(tmp_path, written), role) == wanted
        assert role_password(_settings(tmp_path, None), role) == wanted


def test_no_key_is_made_up(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="There is no secret key"):
        secret_key(_settings(tmp_path, None))
