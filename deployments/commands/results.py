"""`exosend results`."""

from pathlib import Path

from deployments.connection import connected_settings, typed_id
from models.errors import SetupError
from models.session import Database, Role
from models.settings import load_settings
from models.store.results import read_recipients
from models.store.runs import find_run


def results(run: str, /, *, out: Path, data_dir: Path | None = None) -> None:
    """Write what became of each recipient of a run to a Parquet file, dropped ones included.

    Parameters
    ----------
    run
        The run's id: `runs.run_id` in the schema `results`, or from `exosend demo` and the Prefect UI.
    out
        The file to write, such as results.parquet; an existing one is replaced.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    run_id = typed_id(run, "the id of a run")
    settings = connected_settings(load_settings(data_dir=data_dir))
    database = Database(settings, Role.ENGINE, pool_size=1, application_name="exosend results")
    try:
        with database.transaction(None) as session:
            find_run(session, run_id)
            frame = read_recipients(session, run_id)
    finally:
        database.close()
    part = out.with_name(f".{out.name}.part")
    try:
        frame.write_parquet(part)
        part.replace(out)
    except OSError as error:
        raise SetupError(f"{out} cannot be written: {error.strerror}.") from error
    print(f"{frame.height} rows in {out}")
