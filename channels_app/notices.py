"""A word to a staff member, once: on the screen they have open, and outside of it as they like to be told.

What leaves, when and by which channel is `notice_sending.py`; how it reads is `notice_words.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from channels_app import live
from channels_app.models import Notice
from leadhub import rehearsal, rows
from leadhub.work import later
from tenants.business.models import StaffMember

TELL = "channels.notice"
SHOW_OUTCOME = "channels.notice_outcome"
GATHERED = timedelta(seconds=30)  # notices without haste wait so long for others, to come as one message
URGENT_GATHERED = timedelta(seconds=10)  # after an urgent message the next ones wait so long, to come together
_KEY_LENGTH = 120
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)

# Which of these notices nobody needs any more, by number, with the reason in Russian.
Doubt = Callable[[Sequence[Notice]], Mapping[int, str]]
_doubts: list[Doubt] = []

_JUST_LOOKED = "SELECT max(told_at) FROM channels_app_notice WHERE staff_id = %s AND told_at > %s AND kind = ANY(%s)"
_JUST_TOLD = f"{_JUST_LOOKED} AND state IN ('sending', 'sent')"


def notify(
    staff: StaffMember, kind: str, text: str, *, lead_id: int | None = None, key: str, now: datetime
) -> Notice | None:
    """Tell `staff` once per `key`; None when that was told already."""
    own_key = f"{staff.pk}:{key}"
    if len(own_key) > _KEY_LENGTH:
        raise ValueError("a notice's key is too long")
    notice = Notice(
        staff=staff,
        kind=kind[:30],
        text=text[:300],
        lead_id=lead_id,
        key=own_key,
        created_at=now,
        state=Notice.State.WAITING,
    )
    sql, values = rows.insert(notice)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{sql} ON CONFLICT (key) DO NOTHING RETURNING id, ({_JUST_LOOKED})", [*values, *_since(staff.pk, now=now)]
        )
        stored = cursor.fetchone()
    if stored is None:
        return None
    rows.stored(notice, stored[0])
    live.publish("notice", id=notice.pk, staff=staff.pk, lead=lead_id)
    if not rehearsal.is_on():
        _owe(notice, stored[1], now=now)
    return notice


def _owe(notice: Notice, just_looked: datetime | None, *, now: datetime) -> None:
    """One piece of work for all that a person is told in a while: an urgent word at once, those that follow right after
    it together (whether it could leave or not), any other with its likes."""
    if notice.is_urgent:
        if just_looked:
            look_again(notice.staff_id, just_looked + URGENT_GATHERED, "urgent")
        else:
            later(TELL, notice.staff_id, key=f"{notice.staff_id}")
    else:
        later(TELL, notice.staff_id, at=now + GATHERED, key=f"{notice.staff_id}-{(now - _EPOCH) // GATHERED}")


def look_again(staff_id: int, at: datetime, why: str) -> None:
    """See at that moment what waits for this person; one piece of work for each `why`."""
    later(TELL, staff_id, at=at, key=f"{staff_id}-{why}")


def just_told(staff_id: int, *, now: datetime) -> datetime | None:
    """When the person was told of something urgent a moment ago: what came since waits, to come together."""
    with connection.cursor() as cursor:
        cursor.execute(_JUST_TOLD, _since(staff_id, now=now))
        return cursor.fetchone()[0]


def _since(staff_id: int, *, now: datetime) -> list[Any]:
    return [staff_id, now - URGENT_GATHERED, list(Notice.URGENT)]


def tell_soon(staff_id: int) -> None:
    """Look again at what waits for this person: they came to work, or are to be reached another way."""
    later(TELL, staff_id, key=f"{staff_id}")


def mark_seen(staff: StaffMember, *, now: datetime, lead_id: int | None = None) -> int:
    """The member saw the notices (of one lead, or all); how many were new."""
    unseen = Notice.objects.filter(staff=staff, seen_at=None)
    if lead_id is not None:
        unseen = unseen.filter(lead_id=lead_id)
    return unseen.update(seen_at=now)


@transaction.atomic
def keep_answer(notice: Notice, answer: str, outcome: str, *, now: datetime) -> None:
    """The person pressed a button, and this came of it; the first answer stays. Its message outside is told to show it.

    `answer` "": nobody answered, but the lead went on without them."""
    notice.answer, notice.outcome = answer, outcome[:200]
    notice.answered_at = now if answer else None
    notice.save(update_fields=["answer", "outcome", "answered_at"])
    if notice.batch:
        later(SHOW_OUTCOME, notice.batch)


def register_doubt(doubt: Doubt) -> None:
    """A room above knows when a notice has lost its sense: it is asked before each message."""
    if doubt not in _doubts:
        _doubts.append(doubt)


def unwanted(notices: Sequence[Notice]) -> dict[int, str]:
    """Notices that nobody needs any more, by number, with the reason."""
    found: dict[int, str] = {}
    for doubt in _doubts:
        found |= doubt(notices)
    return found
