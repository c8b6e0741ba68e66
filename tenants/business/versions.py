"""Versions of settings that are saved as a whole, like the matrix."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from tenants.business.models import SettingsVersion
from tenants.models import User

_LOCK = -1  # beside the advisory locks of staff members, whose numbers are positive


def lock() -> None:
    """Saves of settings of one business go one after another, to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema()), %s)", [_LOCK])


@transaction.atomic
def keep(kind: str, body: Any, *, by: User | None, now: datetime, note: str = "") -> SettingsVersion:
    """Keep `body` (plain JSON) as the newest version of this kind; what equals the newest one makes none.

    `by` None: the platform."""
    lock()
    newest = latest(kind)
    if newest and newest.body == body:
        return newest
    return SettingsVersion.objects.create(
        kind=kind,
        number=newest.number + 1 if newest else 1,
        body=body,
        by=(by.name or by.email)[:150] if by else "",
        at=now,
        note=note[:200],
    )


def latest(kind: str) -> SettingsVersion | None:
    """The version in force; None where none was ever kept."""
    return SettingsVersion.objects.filter(kind=kind).order_by("-number").first()


def history(kind: str, limit: int = 50) -> list[SettingsVersion]:
    """The newest versions first."""
    return list(SettingsVersion.objects.filter(kind=kind).order_by("-number")[:limit])


def find(kind: str, number: int) -> SettingsVersion | None:
    """That version, or None where there is no such."""
    return SettingsVersion.objects.filter(kind=kind, number=number).first()
