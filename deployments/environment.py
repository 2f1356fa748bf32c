"""What each service of a stack finds in its environment: the settings it needs, and nobody else's secrets."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from models.session import Role, role_url
from models.settings import Settings

_SECRET = {
    "secret_key",
    "secret_key_old",
    "database_url",
    "api_database_url",
    "engine_database_url",
    "analyst_database_url",
    "prefect_auth",
    "prefect_database_url",
    "smtp_url",
    "bounce_imap_url",
    "email_url",
    "sms_url",
    "email_callback_keys",
    "sms_callback_keys",
    "throttle_url",
}


def api_environment(settings: Settings) -> dict[str, str]:
    """The API: the database as exosend_api only; the providers' addresses without their passwords, and the keys of
    their callbacks."""
    return {
        **_base(settings),
        **_secret_key(settings),
        **_prefect_auth(settings),
        **_providers(settings, with_password=False),
        **_given(settings.email_callback_keys, "EXOSEND_EMAIL_CALLBACK_KEYS"),
        **_given(settings.sms_callback_keys, "EXOSEND_SMS_CALLBACK_KEYS"),
        **({"EXOSEND_THROTTLE_URL": settings.throttle_url} if settings.throttle_url else {}),
        "EXOSEND_API_DATABASE_URL": _url(settings, Role.API),
        # prometheus-client's own variable: where the worker processes put their numbers to be summed.
        "PROMETHEUS_MULTIPROC_DIR": str(metrics_folder(settings)),
    }


def metrics_folder(settings: Settings) -> Path:
    """Where the API's worker processes keep their counters while they run."""
    return settings.data_dir / "metrics"


def temporary_folder(settings: Settings) -> Path:
    """Where the worker and its flow runs put temporary files."""
    return settings.data_dir / "tmp"


def preloader_socket(settings: Settings) -> Path:
    """Where the launchers of flow runs find the worker's preloader; nobody else may open the folder."""
    return settings.data_dir / "preloader" / "socket"


def engine_environment(settings: Settings) -> dict[str, str]:
    """The courier: the database as exosend_engine."""
    return {
        **_base(settings),
        **_secret_key(settings),
        **_prefect_auth(settings),
        **_providers(settings, with_password=True),
        **({"EXOSEND_BOUNCE_IMAP_URL": settings.bounce_imap_url} if settings.bounce_imap_url else {}),
        "EXOSEND_ENGINE_DATABASE_URL": _url(settings, Role.ENGINE),
    }


def worker_environment(settings: Settings) -> dict[str, str]:
    """The Prefect worker, and through it every flow run."""
    return {
        **engine_environment(settings),
        **prefect_client_environment(settings),
        "PREFECT_WORKER_QUERY_SECONDS": "1",  # the default of 10 s is most of a flow run's start
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
        # Prefect keeps its runner's files in <temporary folder>/runner_storage, whoever runs it: of two users of a
        # machine the second could not start a worker.
        "TMPDIR": str(temporary_folder(settings)),
    }


def prefect_client_environment(settings: Settings) -> dict[str, str]:
    """A program that talks to the Prefect server and knows nothing else."""
    return {
        **_base(settings),
        "PREFECT_HOME": str(settings.data_dir / "prefect"),
        "PREFECT_API_URL": settings.prefect_url,
        **({"PREFECT_API_AUTH_STRING": settings.prefect_auth.get_secret_value()} if settings.prefect_auth else {}),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # never a second server because the first is slow to start
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_CLI_COLORS": "false",
    }


def prefect_server_environment(settings: Settings) -> dict[str, str]:
    """The Prefect server: on loopback, tells nobody about itself, and forgets in time."""
    origins = ",".join(f"http://{host}:{settings.prefect_port}" for host in ("127.0.0.1", "localhost"))
    database = settings.prefect_database_url
    return {
        **prefect_client_environment(settings),
        **({"PREFECT_SERVER_DATABASE_CONNECTION_URL": database} if database else {}),
        **(
            {"PREFECT_SERVER_API_AUTH_STRING": settings.prefect_auth.get_secret_value()}
            if settings.prefect_auth
            else {}
        ),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(settings.prefect_port),
        # The default is any origin: each page in the operator's browser could start flows.
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": origins,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        # A big campaign writes thousands of events and task runs; one insert each is what loads SQLite.
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        # The results are in Postgres; here events are kept 2 days and finished flow runs 90.
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P2D",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 86400),
    }


def _base(settings: Settings) -> dict[str, str]:
    """The environment of this process without ExoSend's variables, and the settings that are nobody's secret."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXOSEND_")}
    programs = str(Path(sys.executable).parent)
    environment["PATH"] = f"{programs}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["PYTHONUNBUFFERED"] = "1"  # a log that lags behind a crash explains nothing
    environment["DO_NOT_TRACK"] = "1"
    changed: Mapping[str, object] = settings.model_dump(mode="json", exclude_defaults=True, exclude=_SECRET)
    values = {name: str(value) for name, value in changed.items() if value is not None}
    values["data_dir"] = str(settings.data_dir)
    return environment | {f"EXOSEND_{name.upper()}": value for name, value in values.items()}


def _secret_key(settings: Settings) -> dict[str, str]:
    """Only where it comes from the environment; else each process reads the file in the data folder."""
    return {
        **_given(settings.secret_key, "EXOSEND_SECRET_KEY"),
        **_given(settings.secret_key_old, "EXOSEND_SECRET_KEY_OLD"),
    }


def _prefect_auth(settings: Settings) -> dict[str, str]:
    """For what asks Prefect over HTTP itself."""
    return _given(settings.prefect_auth, "EXOSEND_PREFECT_AUTH")


def _given(secret: SecretStr | None, name: str) -> dict[str, str]:
    return {} if secret is None else {name: secret.get_secret_value()}


def _providers(settings: Settings, *, with_password: bool) -> dict[str, str]:
    urls = {"SMTP": settings.smtp_url, "EMAIL": settings.email_url, "SMS": settings.sms_url}
    environment = {}
    for name, url in urls.items():
        if url is not None:
            parts = urlsplit(url)
            address = parts if with_password else parts._replace(netloc=parts.netloc.rpartition("@")[2])
            environment[f"EXOSEND_{name}_URL"] = urlunsplit(address)
    return environment


def _url(settings: Settings, role: Role) -> str:
    return role_url(settings, role).render_as_string(hide_password=False)
