"""A word to a staff member, once, on the screen they have open."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from channels_app import live
from channels_app.models import Notice
from leadhub import rows
from tenants.business.models import StaffMember

_KEY_LENGTH = 120


def notify(
    staff: StaffMember, kind: str, text: str, *, lead_id: int | None = None, key: str, now: datetime
) -> Notice | None:
    """Tell `staff` once per `key`; None when that was told already."""
    own_key = f"{staff.pk}:{key}"
    if len(own_key) > _KEY_LENGTH:
        raise ValueError("a notice's key is too long")
    notice = Notice(staff=staff, kind=kind[:30], text=text[:300], lead_id=lead_id, key=own_key, created_at=now)
    sql, values = rows.insert(notice)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} ON CONFLICT (key) DO NOTHING RETURNING id", values)
        stored = cursor.fetchone()
    if stored is None:
        return None
    rows.stored(notice, stored[0])
    live.publish("notice", id=notice.pk, staff=staff.pk, lead=lead_id)
    return notice


def mark_seen(staff: StaffMember, *, now: datetime, lead_id: int | None = None) -> int:
    """The member saw the notices (of one lead, or all); how many were new."""
    unseen = Notice.objects.filter(staff=staff, seen_at=None)
    if lead_id is not None:
        unseen = unseen.filter(lead_id=lead_id)
    return unseen.update(seen_at=now)
