"""A schema from the template is the schema that migrations make, and closing a business ends it."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.db import ProgrammingError, connection, transaction
from django_tenants.utils import schema_context

from contacts.models import Contact
from tenants import provisioning
from tenants.models import Agency, Tenant

OBJECTS = """
SELECT 'column', table_name, column_name, data_type, is_nullable, coalesce(replace(column_default, %(s)s, 'S'), ''),
    is_generated
FROM information_schema.columns WHERE table_schema = %(s)s
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, replace(pg_get_constraintdef(oid), %(s)s || '.', ''),
    '', '', ''
FROM pg_constraint WHERE connamespace = %(s)s::regnamespace
UNION ALL SELECT 'index', tablename, indexname, replace(indexdef, %(s)s || '.', ''), '', '', ''
FROM pg_indexes WHERE schemaname = %(s)s
"""


def objects_of(schema: str) -> set[tuple]:
    """Columns, constraints and indexes; without casts and brackets, which a dump writes out element by element."""
    with schema_context(schema), connection.cursor() as cursor:
        cursor.execute(OBJECTS, {"s": schema})
        return {tuple(plain(part, schema) for part in row) for row in cursor.fetchall()}


def plain(part: object, schema: str) -> str:
    text = str(part).replace(f"{schema}.", "").replace(f"'{schema}", "'")
    return re.sub(r"::(character varying|text)(\[\])?|[()]", "", text)


def opened(slug: str) -> Tenant:
    return provisioning.open_tenant(slug=slug, name=slug, agency=Agency.objects.first(), trade="salon", city="ufa")


def test_template_sql_makes_what_migrations_make(db):
    tenant = opened("by-template")

    from_template, migrated = objects_of(tenant.schema_name), objects_of("tenant_template")

    assert len(migrated) > 300
    assert from_template ^ migrated == set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM t_by_template.django_migrations")
        assert cursor.fetchone()[0] >= len(provisioning.tenant_migrations())
        cursor.execute(
            "INSERT INTO t_by_template.django_migrations (app, name, applied) VALUES ('a', 'b', now()) RETURNING id"
        )
        next_id = cursor.fetchone()[0]
        cursor.execute("SELECT max(id) FROM t_by_template.django_migrations")
        assert next_id == cursor.fetchone()[0]  # the sequences came along
    assert provisioning.tenants_behind() == []


def test_tenant_has_at_most_48_tables(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'tenant_template'")
        assert 20 < cursor.fetchone()[0] <= 48


def test_a_taken_or_odd_address_is_refused_and_leaves_nothing(db):
    for slug in ("vesna", "Весна", "a_b", "-a", "x" * 42):
        with pytest.raises(ValidationError):
            opened(slug)
    assert Tenant.objects.count() == 2


def test_closing_stops_pages_hooks_and_due_work(db, client, clock):
    from leadhub.work import later
    from leadhub.work.models import DueWork

    tenant = opened("closing")
    later("inbound", 1, schema=tenant.schema_name)
    provisioning.close_tenant(tenant, now=clock.now())

    assert client.get("/t/closing/").status_code == 404
    assert not DueWork.objects.filter(schema=tenant.schema_name).exists()


def test_erasing_drops_the_schema(db, clock):
    tenant = opened("erasing")
    provisioning.close_tenant(tenant, now=clock.now(), erase=True)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 't_erasing'")
        assert cursor.fetchone()[0] == 0
    assert not Tenant.objects.filter(slug="erasing").exists()


def test_tenant_code_outside_a_tenant_fails_loudly(db):
    connection.set_schema_to_public()
    with pytest.raises(ProgrammingError, match="contacts_contact"), transaction.atomic():
        Contact.objects.count()
