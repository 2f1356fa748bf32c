"""What the preloader imports, and what it runs in a process that it forked: `python -m prefect.engine`.

All but Polars and what needs it: importing Polars starts a thread (of its spill files), and a fork takes one thread
only. Those are imported by the flow's process, in 0.4 s.
"""

import pkgutil
import runpy
import sys
import warnings
from importlib import import_module
from typing import Any

import prefect._internal.metrics
import prefect.flow_engine  # noqa: F401
import psycopg_pool  # noqa: F401
import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401 - SQLAlchemy imports it with the first connection
from prefect.context import refresh_global_settings_context
from prefect.logging.configuration import setup_logging

import flows
import models
import tasks

_ENGINE = "prefect.engine"
_LEFT_OUT = "polars"
_NO_FLOW_NEEDS = "models.migrations."


def load() -> None:
    """Import our modules. Of one that needs Polars comes what it imports before that."""
    hidden: dict[str, Any] = {_LEFT_OUT: None}  # the import system's way to say that it is not there
    sys.modules.update(hidden)
    try:
        for package in (models, tasks, flows):
            for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                if not found.name.startswith(_NO_FLOW_NEEDS):
                    _import(found.name)
    finally:
        del sys.modules[_LEFT_OUT]


def run() -> None:
    """Prefect's engine, with settings and logs as this process's environment and folder have them."""
    sys.argv = [_ENGINE]
    refresh_global_settings_context()
    setup_logging(incremental=False)
    # prefect.flow_engine imports it in any case; runpy warns since the whole of it was imported early.
    warnings.filterwarnings("ignore", f"'{_ENGINE}' found in sys.modules", RuntimeWarning)
    runpy.run_module(_ENGINE, run_name="__main__", alter_sys=True)


def _import(name: str) -> None:
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != _LEFT_OUT:
            raise
