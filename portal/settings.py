"""Settings of one installation, read once at start: ``<data>/portal.toml``, then ``PORTAL_*`` in the environment."""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from portal.faults import StartupFault

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
EXAMPLE_KEYS = frozenset({"change-me", "changeme", "secret", "example", "dev", "development"})
MINIMUM_KEY = 32
PACKAGE = Path(__file__).resolve().parent
NAMES = (
    "secret_key",
    "database_url",
    "base_url",
    "mail",
    "mail_from",
    "trusted_proxies",
    "operator",
    "storage",
    "storage_key_id",
    "storage_secret",
    "scanner",
    "quota_mb",
    "log_format",
    "outside_allow",
    "metrics_token",
)
SCANNER = re.compile(r"clamd:(?:unix:/.+|[^:/\s]+:(?P<port>\d{1,5}))")


@dataclass(frozen=True, slots=True)
class Settings:
    """``base_url`` alone makes links. ``mail``: ``console``, ``folder:PATH`` or ``smtp[s]://user:password@host:port``.

    ``trusted_proxies`` counts the reverse proxies in front whose X-Forwarded-For is believed. ``demo`` allows what is
    unsafe in production. ``argon2_cheap`` is for tests only and refused elsewhere. ``storage``: ``folder:PATH``
    (within ``data`` unless absolute; default its folder ``files``) or ``s3://bucket/prefix?endpoint=..&region=..``
    with ``storage_key_id`` and ``storage_secret``. ``scanner``: ``clamd:host:port``, ``clamd:unix:/path`` or none.
    ``quota_mb``: how much a company's documents may take.
    ``log_format``: ``text`` or ``json``, one line an event. ``outside_allow``: networks (CIDR, with commas between)
    within private ranges that webhooks and sign-in providers may yet be in, such as ``10.20.0.0/16``.
    ``metrics_token``: whoever shows it may read ``/metrics`` from elsewhere than this computer.
    """

    data: Path
    secret_key: str
    database_url: str
    base_url: str
    mail: str
    mail_from: str = "Vendor Risk Portal <portal@localhost>"
    trusted_proxies: int = 0
    operator: str = ""
    demo: bool = False
    argon2_cheap: bool = False
    storage: str = ""
    storage_key_id: str = ""
    storage_secret: str = ""
    scanner: str = ""
    quota_mb: int = 2000
    log_format: str = "text"
    outside_allow: str = ""
    metrics_token: str = ""

    @property
    def secure(self) -> bool:
        """Whether the portal is reached by https (cookies get ``__Host-`` and Secure)."""
        return urlsplit(self.base_url).scheme == "https"

    @property
    def outside_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """``outside_allow`` as networks; ValueError when it holds something else."""
        return tuple(ip_network(part.strip()) for part in self.outside_allow.split(",") if part.strip())

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc


def config_path(data: Path) -> Path:
    """Where an installation keeps its settings."""
    return data / "portal.toml"


def load(data: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings of the installation in ``data``; raises StartupFault with one sentence when they cannot be used."""
    raw: dict[str, str] = {}
    path = config_path(data)
    if path.exists():
        try:
            raw = {name: str(value) for name, value in tomllib.loads(path.read_text("utf-8")).items()}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise StartupFault(f"The settings in {path} cannot be read: {error}.") from error
    unknown = sorted(set(raw) - set(NAMES))
    if unknown:
        raise StartupFault(f"{path} has a setting that the portal does not know: {', '.join(unknown)}.")
    for name in NAMES:
        if f"PORTAL_{name.upper()}" in environ:
            raw[name] = environ[f"PORTAL_{name.upper()}"]
    if "secret_key" not in raw:
        raise StartupFault(
            f"There is no secret key. Run `portal init --data {data}` or set PORTAL_SECRET_KEY."
        )
    return _checked(
        Settings(
            data=data,
            secret_key=raw["secret_key"],
            database_url=raw.get("database_url") or default_database(data),
            base_url=raw.get("base_url", "").rstrip("/"),
            mail=raw.get("mail", "console"),
            mail_from=raw.get("mail_from", "Vendor Risk Portal <portal@localhost>"),
            trusted_proxies=_count(raw.get("trusted_proxies", "0")),
            operator=raw.get("operator", ""),
            storage=raw.get("storage", ""),
            storage_key_id=raw.get("storage_key_id", ""),
            storage_secret=raw.get("storage_secret", ""),
            scanner=raw.get("scanner", ""),
            quota_mb=_quota(raw.get("quota_mb", "2000")),
            log_format=raw.get("log_format", "text"),
            outside_allow=raw.get("outside_allow", ""),
            metrics_token=raw.get("metrics_token", ""),
        )
    )


def default_database(data: Path) -> str:
    """The embedded SQLite database of a data folder, as an SQLAlchemy URL."""
    return f"sqlite:///{data / 'portal.sqlite'}"


def demo_settings(data: Path, port: int) -> Settings:
    """Settings of ``portal demo``: loopback only, mail into a folder, a key that is made once and kept."""
    key_file = data / "demo-secret-key"
    if not key_file.exists():
        descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(48))
    return Settings(
        data=data,
        secret_key=key_file.read_text().strip(),
        database_url=default_database(data),
        base_url=f"http://127.0.0.1:{port}",
        mail=f"folder:{data / 'mail'}",
        operator="whoever started this demonstration",
        demo=True,
    )


def _checked(settings: Settings) -> Settings:
    key = settings.secret_key
    if len(key) < MINIMUM_KEY:
        raise StartupFault(
            f"The secret key is too short: it has {len(key)} characters and needs {MINIMUM_KEY}."
        )
    if len(set(key)) < 8 or any(example in key.lower() for example in EXAMPLE_KEYS if len(example) > 3):
        raise StartupFault("The secret key looks like an example. Make a fresh one with `portal init`.")
    parts = urlsplit(settings.base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise StartupFault(
            "base_url must be the portal's address without a path, such as https://portal.example.com."
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise StartupFault(
            "base_url must begin with https:// unless the portal is only on this computer (127.0.0.1)."
        )
    if not re.fullmatch(r"console|folder:.+|smtps?://.+", settings.mail):
        raise StartupFault("mail must be console, folder:PATH or smtp://user:password@host:port.")
    if not settings.database_url.startswith(("sqlite:///", "postgresql+psycopg://", "postgresql://")):
        raise StartupFault("database_url must begin with sqlite:/// or postgresql://.")
    _check_storage(settings)
    if settings.log_format not in ("json", "text"):
        raise StartupFault("log_format must be json or text.")
    try:
        settings.outside_networks  # noqa: B018  # reading it checks it
    except ValueError as error:
        raise StartupFault(
            "outside_allow must be networks such as 10.20.0.0/16, with commas between."
        ) from error
    scanner = SCANNER.fullmatch(settings.scanner)
    if settings.scanner and (scanner is None or not 0 < int(scanner["port"] or 1) < 65536):
        raise StartupFault("scanner must be clamd:host:port, clamd:unix:/path or empty.")
    return settings


def _check_storage(settings: Settings) -> None:
    if not settings.storage or re.fullmatch(r"folder:.+", settings.storage):
        if PACKAGE in (settings.data / settings.storage.removeprefix("folder:")).resolve().parents:
            raise StartupFault("storage must not lie inside the portal's own code.")
        return
    parts = _parts(settings.storage)
    if parts is None or parts.scheme != "s3" or not parts.netloc:
        raise StartupFault("storage must be folder:PATH or s3://bucket/prefix?endpoint=ADDRESS&region=NAME.")
    options = parse_qs(parts.query, keep_blank_values=True)
    unknown = sorted(set(options) - {"endpoint", "region"})
    if unknown:
        raise StartupFault(f"storage has an option that the portal does not know: {', '.join(unknown)}.")
    if "endpoint" in options:
        endpoint = _parts(options["endpoint"][0])
        if endpoint is None or endpoint.scheme not in ("http", "https") or not endpoint.hostname:
            raise StartupFault(
                "The endpoint of storage must be an address such as https://s3.example.com:9000."
            )
    if not settings.storage_key_id or not settings.storage_secret:
        raise StartupFault(
            "storage is a bucket: set its keys in PORTAL_STORAGE_KEY_ID and PORTAL_STORAGE_SECRET."
        )


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _count(text: str) -> int:
    if not re.fullmatch(r"\d", text):
        raise StartupFault("trusted_proxies must be a number from 0 to 9.")
    return int(text)


def _quota(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,6}", text):
        raise StartupFault("quota_mb must be a whole number of megabytes, such as 2000.")
    return int(text)
