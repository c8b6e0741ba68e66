"""What production refuses, and that everything it may be told is explained."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from leadhub.environment import BASE_DIR
from tests.services.copies import clean_env

STRONG = "kX9-vQ2_mT7zLr4WdN8yBc5HsJ1fGpE6uAoViR3tYw0ZxKqMnPbCjDhFgS"
PRODUCTION = {
    "SECRET_KEY": STRONG,
    "FIELD_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    "ALLOWED_HOSTS": "leadhub.example.ru",
    # Nothing listens there: a check that asked the database would fail.
    "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/nowhere",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def check(tmp_path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    env = clean_env(LEADHUB_DATA=str(tmp_path), **(PRODUCTION | changes))
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE_DIR,
        env={name: value for name, value in env.items() if value},
        capture_output=True,
        text=True,
    )


def test_production_passes_the_deploy_check_without_a_database(tmp_path: Path):
    done = check(tmp_path)

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 80}, "SECRET_KEY"),
        ({"SECRET_KEY": "change-me-" + STRONG}, "SECRET_KEY"),
        ({"FIELD_ENCRYPTION_KEY": ""}, "FIELD_ENCRYPTION_KEY"),
        ({"FIELD_ENCRYPTION_KEY": "not-a-key"}, "FIELD_ENCRYPTION_KEY"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
    ],
)
def test_production_refuses(tmp_path: Path, changes: dict[str, str], named: str):
    done = check(tmp_path, **changes)

    assert done.returncode == 1
    assert done.stderr.startswith("Configuration error: " + named)
    assert "Traceback" not in done.stderr


def test_debug_false_alone_is_production(tmp_path: Path):
    done = check(tmp_path, DATABASE_URL="", REDIS_URL="", SECRET_KEY="", DEBUG="false")

    assert "SECRET_KEY" in done.stderr


def test_every_setting_that_is_read_is_explained():
    explained = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (BASE_DIR / ".env.example").read_text(), re.M))
    read = re.compile(r"""(?:env\.\w+\(\s*|environ(?:\.get\(|\[)\s*|env\(\s*)["']([A-Z][A-Z0-9_]+)["']""")
    sources = [*BASE_DIR.glob("leadhub/*.py"), *BASE_DIR.glob("leadhub/embedded/*.py")]

    wanted = {name for source in sources for name in read.findall(source.read_text())}

    assert {"SECRET_KEY", "DATABASE_URL", "PORT"} <= wanted
    assert wanted - explained == {"DJANGO_SETTINGS_MODULE", "PATH_INFO"}


def test_compose_file_names_every_part_and_only_what_exists():
    compose = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())
    services = compose["services"]

    parts = {"postgres", "valkey", "migrate", "web", "events", "dispatcher"}
    from django.conf import settings

    assert parts | {f"worker-{queue}" for queue in settings.WORK_QUEUES} <= set(services)
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        if name not in ("migrate", "proxy"):
            assert "healthcheck" in service, name
    for queue in settings.WORK_QUEUES:
        assert queue in services[f"worker-{queue}"]["command"]
    explained = (BASE_DIR / ".env.example").read_text()
    for name in re.findall(r"\$\{([A-Z_]+)", (BASE_DIR / "docker-compose.yml").read_text()):
        assert name in explained


def test_local_copy_makes_its_push_key_once_and_a_wrong_one_is_refused(tmp_path: Path, monkeypatch):
    from channels_app.webpush import public_key
    from leadhub import environment

    monkeypatch.setenv("LEADHUB_DATA", str(tmp_path))
    for name in ("DATABASE_URL", "DEBUG", "VAPID_PRIVATE_KEY"):
        monkeypatch.delenv(name, raising=False)
    key = environment.vapid_key()
    assert environment.vapid_key() == key
    assert (tmp_path / "vapid.key").stat().st_mode & 0o777 == 0o600
    assert len(public_key(key)) == 87
    monkeypatch.setenv("DEBUG", "false")
    assert environment.vapid_key() == ""  # a server is told its key, or offers no push
    for wrong in ("short", "A" * 43, "_" * 43, "ключ"):
        monkeypatch.setenv("VAPID_PRIVATE_KEY", wrong)
        with pytest.raises(environment.ImproperlyConfigured):
            environment.vapid_key()
