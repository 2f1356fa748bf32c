"""Every setting of ExoSend: one frozen object, read from the environment once by the process that starts.

Each field is the environment variable `EXOSEND_<NAME>`; `docs/settings.md` is this class as a table, and a
test keeps the two equal. Nothing reads the environment at import time.
"""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.rules.resolver_address import split_resolver_address
from models.rules.return_paths import ADDRESS as RETURN_PATH


class Settings(BaseSettings):
    """The configuration of one process. Raises pydantic's ValidationError, naming the variable, on a bad value."""

    model_config = SettingsConfigDict(env_prefix="EXOSEND_", frozen=True, extra="ignore", hide_input_in_errors=True)

    data_dir: Path = Field(
        Path(".exosend"), description="Folder of the embedded database, logs, keys and Prefect's own data."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Key for what is encrypted and signed. Left out, the file `secret.key` in the data folder, "
        "made on the first `up`.",
    )
    secret_key_old: SecretStr | None = Field(
        None,
        description="Secret keys that were replaced, with commas between them: they still open what is stored under "
        "them, until `exosend secrets rotate` has stored it anew. Links and bounces of mails that were sent "
        "under them need them for longer.",
    )

    database_url: str | None = Field(
        None,
        repr=False,
        description="PostgreSQL 15 or newer, as a role that may create roles and tables. Left out, an embedded "
        "PostgreSQL in the data folder.",
    )
    api_database_url: str | None = Field(
        None, repr=False, description="The same database as role exosend_api; left out, derived from the one above."
    )
    engine_database_url: str | None = Field(
        None, repr=False, description="The same database as role exosend_engine; left out, derived."
    )
    analyst_database_url: str | None = Field(
        None, repr=False, description="The same database as role exosend_analyst; left out, derived."
    )

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the API.")
    api_workers: int = Field(2, ge=1, le=64, description="Worker processes of the API.")
    api_threads: int = Field(
        16, ge=1, le=256, description="Threads of one API worker, and the most database connections it takes."
    )
    public_url: str | None = Field(
        None,
        description="Address under which clients and recipients reach the API; left out, http://host:port for clients, "
        "and mails have no pixel, no tracked links and no unsubscribe link.",
    )

    throttle_url: str | None = Field(
        None,
        repr=False,
        pattern="^((valkey|redis)s?|unix)://",
        description="Valkey or Redis that counts requests: valkey://[user:password@]host[:port][/db], valkeys:// for "
        "TLS, unix://path. Left out, and while it is away, Postgres counts.",
    )

    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="Proxies in front whose X-Forwarded-For, -Proto and -Host are believed, by the admin panel above "
        "all: its cookies, and the addresses it locks out.",
    )

    prefect_port: int = Field(
        4200, ge=1, le=65535, description="Port of the Prefect server that `up` starts on loopback."
    )
    prefect_api_url: str | None = Field(
        None, description="API of a Prefect server that is there already; left out, the one `up` starts."
    )
    prefect_auth: SecretStr | None = Field(
        None, description="user:password that the Prefect server asks for (its PREFECT_SERVER_API_AUTH_STRING)."
    )
    prefect_database_url: str | None = Field(
        None,
        repr=False,
        description="Database of the Prefect server (postgresql+asyncpg://…); left out, SQLite in the data folder.",
    )
    worker_limit: int = Field(6, ge=1, le=1000, description="Flow runs at once in one worker; each takes about 100 MB.")

    smtp_url: str | None = Field(
        None,
        repr=False,
        description="Mail server: smtp://[user:password@]host[:port] (STARTTLS where offered), smtps://…; "
        "options ?connections=8&starttls=auto|require|off&timeout=30&dkim=off|on (on: signed here, since it signs "
        "nothing). Left out, email goes to the sandbox.",
    )
    bounce_address: str | None = Field(
        None,
        pattern=RETURN_PATH,
        description="Address whose bounces come to ExoSend, as bounces@bounces.example.com: mail over SMTP then has "
        "the envelope sender bounces+…@bounces.example.com, one for each message. Left out, the sender's own.",
    )
    bounce_imap_url: str | None = Field(
        None,
        repr=False,
        description="Mailbox that bounces are delivered to: imaps://user:password@host[:port][/folder][?move=folder]. "
        "Left out, none is read; `exosend bounces read` takes them from a mail server's pipe.",
    )
    email_url: str | None = Field(
        None,
        repr=False,
        description="Provider of email instead of a mail server: mailgun://api:key@api.mailgun.net, "
        "ses://key_id:secret@email.eu-west-1.amazonaws.com[/configuration-set], "
        "sendgrid://apikey:key@api.sendgrid.com, postmark://server:token@api.postmarkapp.com[/stream], "
        "resend://api:key@api.resend.com; options ?connections=32&timeout=30.",
    )
    sms_url: str | None = Field(
        None,
        repr=False,
        description="Provider of SMS: twilio://AC…:auth_token@api.twilio.com, vonage://key:secret@api.nexmo.com, "
        "infobip://app:key@xxxxx.api.infobip.com; options ?connections=32&timeout=30. Or an SMSC: smpp[s]://system_id:"
        "password@host:port?window=10 (docs/sms-over-smpp.md). Left out, SMS go to the sandbox.",
    )

    email_callback_keys: SecretStr | None = Field(
        None,
        description="Secrets that EXOSEND_EMAIL_URL's provider signs its callbacks with, with commas between them: two "
        "while one replaces the other.",
    )
    sms_callback_keys: SecretStr | None = Field(None, description="The same of EXOSEND_SMS_URL's provider.")

    spf_include: str = Field(
        "spf.exosend.com",
        pattern=r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})+$",
        description="Name whose SPF record lists the mail servers that send for ExoSend; domains include it in theirs.",
    )
    dns_resolver: str | None = Field(
        None, description="Resolver that domains are verified with, address[:port]; left out, the system's."
    )

    email_rate_per_minute: int | None = Field(
        None,
        ge=1,
        le=6_000_000,
        description="Most emails a minute that the mail server gets, from everything on all machines. Left out, any "
        "number.",
    )
    sms_rate_per_minute: int | None = Field(
        None, ge=1, le=6_000_000, description="The same of SMS, for their provider. Left out, any number."
    )
    drainers: int = Field(
        2,
        ge=1,
        le=64,
        description="Most flow runs that send one campaign together, and most that the courier starts for bulk SMS and "
        "for batches of email.",
    )
    lease_seconds: float = Field(15.0, ge=2, le=300, description="How long a sender holds a chunk without renewing.")
    chunk_size: int = Field(
        5000, ge=1, le=100_000, description="Most messages in one chunk; small campaigns have smaller ones."
    )
    retry_attempts: int = Field(5, ge=1, le=20, description="Tries of a message that the provider defers.")
    retry_base_seconds: float = Field(
        60.0, gt=0, description="Wait before the second try; doubles with each further one."
    )
    quote_timeout_seconds: float = Field(
        20.0, gt=0, description="Longest a campaign's start may take to count its audience."
    )
    courier_listens: bool = Field(
        True, description="Whether the courier is woken for single messages by NOTIFY; it looks every 50 ms as well."
    )
    import_wait_seconds: float = Field(
        25.0, ge=0, description="How long the import call waits for its result before it answers 202."
    )
    webhook_connections: int = Field(
        200, ge=1, le=10_000, description="Webhooks that one courier has on their way at once, to all endpoints."
    )
    webhook_queue_limit: int = Field(
        100_000,
        ge=1,
        le=10_000_000,
        description="Events that may wait for one webhook endpoint; of more the oldest are dropped.",
    )
    webhooks_to_loopback: bool = Field(
        False,
        description="For development only: webhook endpoints may be on this machine, and be reached by http there. "
        "Otherwise nothing but the public internet is called.",
    )
    default_region: str | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="Region for phone numbers without a +; left out, they are invalid.",
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("dns_resolver")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            split_resolver_address(value)
        return value

    def with_values(self, **values: object) -> Self:
        """A copy with some fields replaced, checked like the environment is."""
        return type(self).model_validate({**self.model_dump(), **values})

    @property
    def old_secret_keys(self) -> list[str]:
        """Secret keys that were replaced."""
        return _listed(self.secret_key_old)

    def callback_keys(self, channel: str) -> list[str]:
        """The secrets for signatures of callbacks, of the account that the environment configures for a channel."""
        return _listed(self.email_callback_keys if channel == "email" else self.sms_callback_keys)

    @property
    def api_url(self) -> str:
        """Where clients reach the API, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def local_url(self) -> str:
        """Where this machine reaches the API, also if it listens on all addresses; without a slash at the end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"

    @property
    def prefect_credentials(self) -> tuple[str, str] | None:
        """User and password of the Prefect server, where it asks for them."""
        if self.prefect_auth is None:
            return None
        user, _, password = self.prefect_auth.get_secret_value().partition(":")
        return user, password

    @property
    def prefect_url(self) -> str:
        """The Prefect server's API, without a slash at the end."""
        return (self.prefect_api_url or f"http://127.0.0.1:{self.prefect_port}/api").rstrip("/")


def _listed(secrets: SecretStr | None) -> list[str]:
    texts = [] if secrets is None else secrets.get_secret_value().split(",")
    return [text.strip() for text in texts if text.strip()]


def load_settings(**values: object) -> Settings:
    """Read the environment. `values` win over it (the command line's options)."""
    return Settings(**{key: value for key, value in values.items() if value is not None})  # type: ignore[arg-type]
