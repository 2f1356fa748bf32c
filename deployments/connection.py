"""How commands other than `up` find the database: EXOSEND_DATABASE_URL, or the stack that runs on the data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from deployments.state import StackState
from models.errors import NotFound, SetupError
from models.session import Database, Role
from models.settings import Settings, load_settings


def running_stack(settings: Settings) -> StackState | None:
    """The stack that runs on the data folder, if one does."""
    state = StackState.load(settings.data_dir)
    return state if state is not None and state.runs() else None


def connected_settings(settings: Settings) -> Settings:
    """The settings with the database's address, and with what the running stack was told on its command line.

    Raises SetupError when no database is configured and no stack runs.
    """
    running = running_stack(settings)
    if running is not None:
        settings = settings.with_values(port=running.port, smtp_url=settings.smtp_url or running.smtp_url)
        if running.prefect_port is not None:
            settings = settings.with_values(prefect_port=running.prefect_port)
    if settings.database_url is not None:
        return settings
    if running is None:
        raise SetupError(
            f"No stack runs on {settings.data_dir}: start it with `exosend up`, name its folder with --data-dir, "
            "or set EXOSEND_DATABASE_URL."
        )
    if running.database_url is None:
        raise SetupError(f"The stack on {settings.data_dir} is still starting: try again in some seconds.")
    return settings.with_values(database_url=running.database_url)


@contextmanager
def engine_database(command: str, data_dir: Path | None) -> Iterator[tuple[Settings, Database]]:
    """The settings and the database as exosend_engine, for the command of that name (`sender list`), which needs one
    connection, or two at once. Raises SetupError."""
    settings = connected_settings(load_settings(data_dir=data_dir))
    database = Database(settings, Role.ENGINE, pool_size=2, application_name=f"exosend {command}")
    try:
        yield settings, database
    finally:
        database.close()


@contextmanager
def engine_session(command: str, data_dir: Path | None) -> Iterator[Session]:
    """One transaction of `engine_database`. Raises SetupError."""
    with engine_database(command, data_dir) as (_, database), database.transaction(None) as session:
        yield session


def typed_id(text: str, what: str = "an id") -> UUID:
    """An id that somebody typed, of `what` it is to be. Raises NotFound."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"{text} is not {what}.") from None
