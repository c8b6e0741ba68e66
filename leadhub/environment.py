"""The environment as typed values: where data lives, which mode this is, and secrets that are strong or refused.

Imported by settings and by the supervisor before Django is configured; needs no database.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
MAX_SOCKET_PATH = 95  # bytes; PostgreSQL and the kernel refuse about 107, file names need their share

env = environ.Env()
UNDER_TEST = "PYTEST_VERSION" in os.environ  # pytest sets it for itself and whatever it starts
if (BASE_DIR / ".env").exists() and not env.bool("LEADHUB_IGNORE_DOTENV", default=UNDER_TEST):
    environ.Env.read_env(BASE_DIR / ".env")


def data_dir() -> Path:
    """Directory of everything the embedded services keep: `LEADHUB_DATA`, by default `.data` beside the code.

    Tests have their own, so that they never touch the data of a demo that runs meanwhile."""
    default = BASE_DIR / ".data" / ("test" if UNDER_TEST else "")
    return Path(env.str("LEADHUB_DATA", default=str(default))).expanduser().resolve()


def run_dir(data: Path) -> Path:
    """Directory of the Unix sockets of one data directory; a short temporary one where the path would be too long."""
    inside = data / "run"
    if len(os.fsencode(str(inside))) <= MAX_SOCKET_PATH - len("/.s.PGSQL.5432"):
        return inside
    digest = hashlib.sha256(os.fsencode(str(data))).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"lh-{digest}"


def database_name() -> str:
    """Name of the database on the embedded PostgreSQL."""
    return env.str("LEADHUB_DATABASE", default="leadhub")


def is_production() -> bool:
    """Production is named: `DEBUG` says false, or an outside database is given. A bare checkout is a local copy."""
    return "DATABASE_URL" in os.environ or ("DEBUG" in os.environ and not env.bool("DEBUG"))


@dataclass(frozen=True)
class Secrets:
    """Keys that sign and encrypt. `field_keys`: the first encrypts, all decrypt (rotation)."""

    secret_key: str
    field_keys: tuple[str, ...]


def load_secrets() -> Secrets:
    """Keys from the environment; a local copy without them makes its own once and keeps them in its data directory."""
    secret_key = env.str("SECRET_KEY", default="")
    field_keys = tuple(env.list("FIELD_ENCRYPTION_KEY", default=[]))
    if is_production():
        _refuse_weak(secret_key, field_keys)
        return Secrets(secret_key, field_keys)
    if secret_key and field_keys:
        return Secrets(secret_key, field_keys)
    kept = _kept_secrets(data_dir() / "secrets.json")
    return Secrets(secret_key or kept["secret_key"], field_keys or (kept["field_key"],))


def _refuse_weak(secret_key: str, field_keys: tuple[str, ...]) -> None:
    hint = 'python -c "import secrets; print(secrets.token_urlsafe(64))"'
    if len(secret_key) < 50 or len(set(secret_key)) < 10 or secret_key.startswith("change-me"):
        raise ImproperlyConfigured(
            f"SECRET_KEY is missing or weak: production needs 50 or more random characters ({hint})."
        )
    if not field_keys:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEY is missing: tokens of channels and of Bitrix24 are kept encrypted with it "
            '(python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())").'
        )
    from cryptography.fernet import Fernet

    for key in field_keys:
        try:
            Fernet(key)
        except ValueError as error:
            raise ImproperlyConfigured(
                "FIELD_ENCRYPTION_KEY must be one or more comma-separated Fernet keys (32 url-safe base64 bytes each)."
            ) from error


def _kept_secrets(path: Path) -> dict[str, str]:
    """Secrets of a local copy; written once, readable by its user alone. Two processes that race agree on the first."""
    if not path.exists():
        from cryptography.fernet import Fernet

        fresh = {"secret_key": secrets.token_urlsafe(64), "field_key": Fernet.generate_key().decode()}
        _write_once(path, json.dumps(fresh))
    return json.loads(path.read_text())


def vapid_key() -> str:
    """The private key (32 bytes, url-safe base64) by which browsers' push services know us; "": no web push.

    A local copy makes its own once; browsers that subscribed under another key have to subscribe again."""
    told = env.str("VAPID_PRIVATE_KEY", default="")
    if told or is_production():
        return _checked_vapid(told) if told else ""
    path = data_dir() / "vapid.key"
    if not path.exists():
        number = 0
        while not 0 < number < _P256_ORDER:
            number = secrets.randbits(256)
        key = base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
        _write_once(path, key)
    return path.read_text().strip()


_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _checked_vapid(key: str) -> str:
    try:
        number = int.from_bytes(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)), "big")
    except ValueError:
        number = 0
    if not 0 < number < _P256_ORDER:
        raise ImproperlyConfigured("VAPID_PRIVATE_KEY must be a P-256 private key: 32 bytes in url-safe base64.")
    return key


def _write_once(path: Path, text: str) -> None:
    """A file of one's own that its user alone may read. Of two processes that race the first one's text stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
