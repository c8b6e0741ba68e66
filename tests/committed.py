"""Tests that commit: threads, processes, browsers. Afterwards every table is as it was before.

The two businesses are copied into memory once (COPY of every table, the sequences) and put back after each such test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connection, connections, transaction
from psycopg import sql

from tests.clock import Clock
from tests.world import Business

_TABLES = """
SELECT schemaname, tablename FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
    AND tablename NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
ORDER BY schemaname, tablename
"""
_SEQUENCES = """
SELECT schemaname, sequencename, last_value FROM pg_sequences
"""
_DISCONNECT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
Name = tuple[str, str]


@dataclass
class Snapshot:
    """All rows of all tables. Keys between tables are checked at commit, so the order of tables does not matter."""

    rows: dict[Name, bytes]
    sequences: list[tuple[str, str, int | None]]

    @classmethod
    def take(cls) -> Snapshot:
        with connection.cursor() as cursor:
            rows = {name: _copy_out(cursor, name) for name in _names(cursor)}
            cursor.execute(_SEQUENCES)
            return cls(rows, cursor.fetchall())

    def put_back(self) -> None:
        """Empty every table, also those made meanwhile; drop the schemas that were not there; fill the tables."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_DISCONNECT)
            names = _names(cursor)
            for schema in {schema for schema, _ in names} - {schema for schema, _ in self.rows}:
                cursor.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            tables = sql.SQL(", ").join(sql.Identifier(*name) for name in names if name in self.rows)
            cursor.execute(sql.SQL("TRUNCATE {}").format(tables))
            for name, rows in self.rows.items():
                _copy_in(cursor, name, rows)
            for schema, sequence, last in self.sequences:
                name = sql.Identifier(schema, sequence).as_string(cursor.connection)
                cursor.execute("SELECT setval(%s, %s, %s)", [name, last or 1, last is not None])


def _names(cursor) -> list[Name]:
    cursor.execute(_TABLES)
    return cursor.fetchall()


def _copy_out(cursor, name: Name) -> bytes:
    with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(*name))) as copy:
        return b"".join(bytes(part) for part in copy)


def _copy_in(cursor, name: Name, rows: bytes) -> None:
    if rows:
        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(*name))) as copy:
            copy.write(rows)


@pytest.fixture(scope="session")
def snapshot(django_db_setup: None, django_db_blocker) -> Snapshot:
    with django_db_blocker.unblock():
        connection.set_schema_to_public()
        return Snapshot.take()


@pytest.fixture
def committed(snapshot: Snapshot, django_db_blocker) -> Iterator[None]:
    """The database is real: what a test writes is committed and seen by other threads and processes."""
    with django_db_blocker.unblock():
        connection.set_schema_to_public()
        try:
            yield
        finally:
            connection.set_schema_to_public()
            snapshot.put_back()
            connections.close_all()


@pytest.fixture
def committed_salon(committed: None, clock: Clock) -> Iterator[Business]:
    """«Весна» as in `salon`, entered, with committed data."""
    with Business.enter("vesna", clock) as business:
        yield business
