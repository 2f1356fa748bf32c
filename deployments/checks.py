"""What `exosend doctor` looks at. Each check says in one line what it found, and what to do where it is wrong."""

import shutil
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import httpx2
from sqlalchemy.exc import SQLAlchemyError

from deployments.account_checks import look_at_accounts
from deployments.connection import connected_settings
from deployments.findings import Finding, Grade
from deployments.prefect_api import PrefectApi, applied_fingerprint, fingerprint
from models.errors import SetupError
from models.migrations.run import current_revision, head_revision
from models.pipelines import WORK_POOL
from models.rules.callbacks import Gauges, piling_up, unreadable
from models.session import Database, Role
from models.settings import Settings
from models.store.callbacks import callback_gauges
from models.store.heartbeats import last_seen
from models.store.inspection import filled_default_partitions, server_version
from models.store.reconcile import LastReconciliation, last_reconciliation
from tasks.providers.registry import open_provider
from tasks.providers.smtp_url import parse_smtp_url

_OLDEST_POSTGRES = 150_000
_LEAST_FREE_BYTES = 2 * 2**30
_COURIER_SILENCE = timedelta(seconds=10)  # it gives a sign every two seconds

_RECONCILED_WITHIN = timedelta(days=2)  # it runs every night


def examine(settings: Settings) -> list[Finding]:
    """All checks, in the order in which one is the reason for the next."""
    findings = [_secret_key(settings), _disk(settings)]
    try:
        settings = connected_settings(settings)
    except SetupError as error:
        return [*findings, Finding("database", Grade.WRONG, str(error)), _mail(settings), _sms(settings)]
    findings.append(Finding("configuration", Grade.OK, f"data folder {settings.data_dir}, API {settings.api_url}"))
    accounts = look_at_accounts(settings)
    findings += [*_database(settings), *_prefect(settings), _api(settings), *accounts.findings]
    if settings.email_url or settings.smtp_url or "email" not in accounts.channels:
        findings.append(_mail(settings))
    if settings.sms_url or "sms" not in accounts.channels:
        findings.append(_sms(settings))
    return findings


def _secret_key(settings: Settings) -> Finding:
    if settings.secret_key is not None:
        return Finding("secret key", Grade.OK, "from EXOSEND_SECRET_KEY")
    path = settings.data_dir / "secret.key"
    if not path.exists():
        return Finding(
            "secret key", Grade.WRONG, f"there is none: `exosend up` makes {path}, or set EXOSEND_SECRET_KEY"
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding("secret key", Grade.WRONG, f"others can read {path} (mode {mode:o}): chmod 600 {path}")
    return Finding("secret key", Grade.OK, f"{path}, readable by its owner only")


def _disk(settings: Settings) -> Finding:
    folder = next(path for path in (settings.data_dir, *settings.data_dir.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    grade = Grade.OK if free >= _LEAST_FREE_BYTES else Grade.WRONG
    return Finding("disk", grade, f"{free / 2**30:.1f} GiB free in {folder} (needed: {_LEAST_FREE_BYTES / 2**30:.0f})")


def _database(settings: Settings) -> Iterator[Finding]:
    database = Database(settings, Role.ENGINE, pool_size=1, application_name="exosend doctor")
    try:
        with database.transaction(None) as session:
            number = server_version(session)
            text = f"PostgreSQL {number // 10_000}.{number % 10_000}"
            yield Finding("database", Grade.OK if number >= _OLDEST_POSTGRES else Grade.WRONG, text)
            found, wanted = current_revision(session.connection()), head_revision()
            if found != wanted:
                yield Finding("schema", Grade.WRONG, f"revision {found}, needed {wanted}: run `exosend migrate`")
                return
            yield Finding("schema", Grade.OK, f"revision {found}")
            filled = filled_default_partitions(session)
            yield (
                Finding(
                    "partitions", Grade.WRONG, f"rows in {', '.join(filled)}: run `exosend migrate`, which makes months"
                )
                if filled
                else Finding("partitions", Grade.OK, "every row is in its month")
            )
            silence = last_seen(session, "courier")
            yield _courier(silence)
            yield _reconciled(last_reconciliation(session))
            yield _reports(callback_gauges(session))
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        yield Finding("database", Grade.WRONG, f"not reachable as {Role.ENGINE}: {reason}")
    finally:
        database.close()


def _courier(silence: timedelta | None) -> Finding:
    if silence is None or silence > _COURIER_SILENCE:
        ago = "never gave a sign" if silence is None else f"last sign {silence.total_seconds():.0f} s ago"
        return Finding("courier", Grade.WRONG, f"{ago}: see courier.log in the logs folder")
    return Finding("courier", Grade.OK, f"last sign {silence.total_seconds():.1f} s ago")


def _reconciled(last: LastReconciliation | None) -> Finding:
    if last is None:
        return Finding("reconcile", Grade.NOTE, "never done yet: it runs every night, or by `exosend reconcile`")
    at = f"{last.finished_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if last.differences or last.unfinished:
        text = f"{last.differences:,} differences, {last.unfinished:,} laws not finished: see `exosend reconcile`"
        return Finding("reconcile", Grade.WRONG, f"{at}: {text}")
    grade = Grade.OK if datetime.now(UTC) - last.finished_at < _RECONCILED_WITHIN else Grade.NOTE
    return Finding("reconcile", grade, f"{at}: every law holds")


def _reports(gauges: Gauges) -> Finding:
    if words := piling_up(gauges):
        return Finding("reports", Grade.WRONG, words)
    if words := unreadable(gauges):
        return Finding("reports", Grade.NOTE, words)
    return Finding("reports", Grade.OK, "what providers reported is applied")


def _prefect(settings: Settings) -> Iterator[Finding]:
    server = PrefectApi(settings)
    try:
        found, wanted = server.version(), version("prefect")
        text = f"{found} at {settings.prefect_url}"
        yield Finding("Prefect", *((Grade.OK, text) if found == wanted else (Grade.WRONG, f"{text}, not {wanted}")))
        workers = server.online_workers()
        yield Finding("worker", Grade.OK if workers else Grade.WRONG, f"{workers} online in work pool {WORK_POOL}")
        yield _deployments(server.missing_deployments(), settings)
    except httpx2.HTTPError as error:
        yield Finding(
            "Prefect", Grade.WRONG, f"not reachable at {settings.prefect_url}: {error or type(error).__name__}"
        )
    finally:
        server.close()


def _deployments(missing: list[str], settings: Settings) -> Finding:
    if missing:
        return Finding(
            "deployments", Grade.WRONG, f"not there: {', '.join(missing)}; `exosend up` applies prefect.yaml"
        )
    if applied_fingerprint(settings) != fingerprint(settings):
        return Finding("deployments", Grade.WRONG, "prefect.yaml or the flows changed since: restart `exosend up`")
    return Finding("deployments", Grade.OK, "as in prefect.yaml")


def _api(settings: Settings) -> Finding:
    try:
        answer = httpx2.get(f"{settings.local_url}/health", timeout=10, trust_env=False)
    except httpx2.HTTPError as error:
        return Finding("API", Grade.WRONG, f"not reachable on port {settings.port}: {error or type(error).__name__}")
    if answer.status_code != httpx2.codes.OK:
        return Finding("API", Grade.WRONG, f"/health says {answer.status_code}: {answer.text[:200].strip()}")
    return Finding("API", Grade.OK, f"/health on port {settings.port} says all is there")


def _mail(settings: Settings) -> Finding:
    if settings.email_url:
        return _provider(settings, "email")
    if not settings.smtp_url:
        unset = "neither EXOSEND_SMTP_URL nor EXOSEND_EMAIL_URL is set"
        return Finding("mail server", Grade.NOTE, f"no real provider: {unset}, email goes to the sandbox")
    try:
        address = parse_smtp_url(settings.smtp_url)
    except SetupError as error:
        return Finding("mail server", Grade.WRONG, str(error))
    try:
        with socket.create_connection((address.host, address.port), timeout=5):
            return Finding("mail server", Grade.OK, f"{address.host}:{address.port} answers")
    except OSError as error:
        return Finding("mail server", Grade.WRONG, f"{address.host}:{address.port} does not answer: {error}")


def _sms(settings: Settings) -> Finding:
    if settings.sms_url:
        return _provider(settings, "sms")
    return Finding("SMS", Grade.NOTE, "no real provider: EXOSEND_SMS_URL is not set, SMS go to the sandbox")


def _provider(settings: Settings, channel: str) -> Finding:
    """Whether the address can be used. Nothing is asked of the provider: `exosend providers test` does that."""
    what = {"email": "email", "sms": "SMS"}[channel]
    try:
        provider = open_provider(settings, channel)
    except SetupError as error:
        return Finding(what, Grade.WRONG, str(error))
    return Finding(what, Grade.OK, f"goes by {provider.name}")
