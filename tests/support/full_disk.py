"""A disk without room: one that a real Postgres says it has, and a real one where a test may mount it."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg

# A statement that writes a table fails as it does when the table's file cannot grow: nothing of it is done.
_SET_UP = """
CREATE SCHEMA full_disk;
CREATE TABLE full_disk.now (is_full boolean NOT NULL);
INSERT INTO full_disk.now VALUES (false);
CREATE FUNCTION full_disk.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF (SELECT is_full FROM full_disk.now) THEN
        RAISE EXCEPTION 'could not extend file "base/5/%": No space left on device', TG_RELID
        USING ERRCODE = 'disk_full', HINT = 'Check free disk space.';
    END IF;
    RETURN NULL;
END $$;
DO $$
DECLARE name regclass;
BEGIN
    FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LOOP
        EXECUTE format('CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON %s EXECUTE FUNCTION full_disk.refuse()',
                       name);
    END LOOP;
END $$;
"""


class SaidFull:
    """A Postgres that has no room for anything new while `is_full`; reading and removing go on."""

    def __init__(self, owner: psycopg.Connection) -> None:
        self._owner = owner

    @contextlib.contextmanager
    def is_full(self) -> Iterator[None]:
        """Until the block ends."""
        self._owner.execute("UPDATE full_disk.now SET is_full = true")
        try:
            yield
        finally:
            self._owner.execute("UPDATE full_disk.now SET is_full = false")


@contextlib.contextmanager
def said_full(owner_url: str) -> Iterator[SaidFull]:
    """The database, which may be full now and then until the block ends."""
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(_SET_UP)
        try:
            yield SaidFull(owner)
        finally:
            owner.execute("DROP SCHEMA full_disk CASCADE")


@cache
def can_mount() -> bool:
    """Whether this process may mount a file system of its own: root may, unless a container forbids it."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class SmallDisk:
    """A file system of so many bytes at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def is_full(self) -> Iterator[None]:
        """Not one block is left until the block of code ends."""
        ballast = self.folder / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)
        try:
            yield
        finally:
            ballast.unlink()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Until the block ends, when nothing on it may be open any more."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
