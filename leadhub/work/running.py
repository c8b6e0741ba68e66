"""Run one owed row: alone, in one transaction (database work), or by a lease (calls to the outside)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django_tenants.utils import get_public_schema_name, schema_context

from leadhub import clock
from leadhub.logs import scrub
from leadhub.work import owing
from leadhub.work.handlers import GiveUp, Handler, TryLater, find
from leadhub.work.models import DueWork

logger = logging.getLogger(__name__)

_IS_OPEN = """(d.schema = 'public' OR EXISTS (
    SELECT 1 FROM public.tenants_tenant t WHERE t.schema_name = d.schema AND t.closed_at IS NULL))"""
# Not the row's own lock: a message that re-arms or drops this work while it waits for that message's conversation
# would wait for it in turn, a deadlock. Looked at after it is held, so that what is done already is not seen any more.
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtextextended('due_work', %s))"
_TAKE = f"""
SELECT d.schema, d.ids, d.version, {_IS_OPEN}
FROM public.due_work d WHERE d.id = %s AND d.failed_at IS NULL AND d.due_at <= %s
"""  # noqa: S608 - constants only
_DONE = "DELETE FROM public.due_work WHERE id = %s AND version = %s"
_CLAIM = f"""
UPDATE public.due_work d SET claimed_until = %(until)s
WHERE d.id = %(id)s AND d.failed_at IS NULL AND d.due_at <= %(now)s
    AND (d.claimed_until IS NULL OR d.claimed_until < %(now)s)
RETURNING d.schema, d.ids, d.version, {_IS_OPEN}
"""  # noqa: S608 - constants only


def run_row(row_id: int, name: str | None = None, schema: str | None = None) -> bool:
    """Do the work of one row. False when there was nothing to do: done, not due yet, or somebody else is at it.

    `name` of its handler and its `schema` come with the doorbell, which saves a look-up."""
    now = clock.now()
    if name is None or schema is None:
        found = DueWork.objects.filter(pk=row_id).values_list("handler", "schema").first()
        if found is None:
            return False
        name, schema = found
    try:
        known = find(name)
    except GiveUp as error:
        _record_failure(row_id, error, now=now)
        return False
    run = _run_outside if known.kind == "outside" else _run_in_database
    with schema_context(schema):
        try:
            return run(row_id, known, now=now)
        except _NothingDone:  # the connection had died since its last work
            connection.close()
        try:
            return run(row_id, known, now=now)
        except _NothingDone as error:
            logger.warning("due work %s waits for the database: %s", row_id, error)
            connection.close()
            return False


class _NothingDone(Exception):
    """The database was not there when the row was to be taken."""


def _run_in_database(row_id: int, known: Handler, *, now: datetime) -> bool:
    try:
        with transaction.atomic():
            row = _take_alone(row_id, now=now)
            if row is None:
                return False
            with owing.gathered() as batch:
                _call(known, row, now=now)
            batch.write((_DONE, (row_id, row[2])))
        return True  # a row of another version was re-armed meanwhile: it is owed again, freshly counted
    except _NothingDone:
        raise
    except Exception as error:  # noqa: BLE001 - whatever went wrong is kept with the row, then retried
        _record_failure(row_id, error, now=now, known=known)
        return False


def _run_outside(row_id: int, known: Handler, *, now: datetime) -> bool:
    with _database() as cursor:
        cursor.execute(_CLAIM, {"id": row_id, "now": now, "until": now + settings.WORK_LEASE})
        row = cursor.fetchone()
    if row is None:
        return False
    try:
        _call(known, row, now=now)
    except Exception as error:  # noqa: BLE001 - as above
        _record_failure(row_id, error, now=now, known=known)
        return False
    with connection.cursor() as cursor:
        # Should a crash of the database bring the row back, it is done again: such work is safe to do twice.
        cursor.execute(f"SET LOCAL synchronous_commit = off;\n{_DONE}", (row_id, row[2]))
        cursor.nextset()
        if not cursor.rowcount:
            # Asked for again meanwhile, and that doorbell found it taken: the dispatcher rings anew.
            cursor.execute("UPDATE public.due_work SET claimed_until = NULL, sent_at = NULL WHERE id = %s", (row_id,))
    return True


def _take_alone(row_id: int, *, now: datetime) -> tuple | None:
    """The row, held by this transaction alone. Two statements in one round trip: the second must see what the holder
    before us committed."""
    with _database() as cursor:
        cursor.execute(f"{_ALONE};\n{_TAKE}", (row_id, row_id, now))
        is_ours = cursor.fetchone() == (True,)
        cursor.nextset()
        return cursor.fetchone() if is_ours else None


@contextmanager
def _database() -> Iterator[Any]:
    """A cursor for the first words with the database. Raises _NothingDone when it is away."""
    try:
        with connection.cursor() as cursor:
            yield cursor
    except (OperationalError, InterfaceError) as error:
        if connection.is_usable():
            raise
        raise _NothingDone(type(error).__name__) from error


def _call(known: Handler, row: tuple, *, now: datetime) -> None:
    schema, ids, _, is_open = row
    if not is_open or schema != connection.schema_name:
        raise GiveUp(f"no open tenant has the schema {schema}")
    known.function(*json.loads(ids), now=now)


def backoff(attempts: int) -> timedelta:
    """Pause before the next try: 2, 4, 8 ... seconds, at most 15 minutes."""
    return timedelta(seconds=min(2 ** min(attempts, 10), 900))


def _record_failure(row_id: int, error: Exception, *, now: datetime, known: Handler | None = None) -> None:
    """Keep what went wrong; plan the next try or stop visibly. A database that is down leaves the row as it was."""
    text = scrub(f"{type(error).__name__}: {error}")[:500]
    limit = (known.max_attempts if known else None) or settings.WORK_MAX_ATTEMPTS
    logger.log(
        logging.INFO if isinstance(error, TryLater) else logging.ERROR,
        "due work %s failed: %s",
        row_id,
        text,
        exc_info=None if isinstance(error, (TryLater, GiveUp)) else error,
    )
    if isinstance(error, OperationalError) and not connection.is_usable():
        connection.close()
        return
    with schema_context(get_public_schema_name()), connection.cursor() as cursor:
        if isinstance(error, GiveUp):
            cursor.execute(
                "UPDATE public.due_work SET attempts = attempts + 1, last_error = %s, failed_at = %s,"
                " claimed_until = NULL WHERE id = %s",
                (text, now, row_id),
            )
            return
        counts = 0 if isinstance(error, TryLater) and not error.counts else 1
        cursor.execute("SELECT attempts FROM public.due_work WHERE id = %s", (row_id,))
        found = cursor.fetchone()
        if found is None:
            return
        attempts = found[0] + counts
        pause = error.after if isinstance(error, TryLater) and error.after else backoff(attempts)
        cursor.execute(
            "UPDATE public.due_work SET attempts = %s, last_error = %s, claimed_until = NULL, sent_at = NULL,"
            " due_at = %s, failed_at = CASE WHEN %s >= %s THEN %s::timestamptz END WHERE id = %s",
            (attempts, text, now + pause, attempts, limit, now, row_id),
        )
