"""PostgreSQL compares vectors itself where it has pgvector; elsewhere they are plain arrays all the same."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError, connection, migrations, transaction


def install(apps: Any, schema_editor: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT installed_version FROM pg_available_extensions WHERE name = 'vector'")
        found = cursor.fetchone()
    if found is None or found[0]:
        return
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    except DatabaseError:  # the role may not: the administrator of the database can still do it
        return


class Migration(migrations.Migration):
    dependencies = [("assistant", "0004_knowledge_index")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
