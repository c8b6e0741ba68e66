"""Notices on their way to a person: gathered, by the channels they prefer, at work or on duty; then the next channel.

Due work calls `tell()` for a person and `go_on()` for a message that nobody reacted to. Both call the outside, so both
may run twice: a notice is claimed before it is sent, what came of it is kept right after. A process that dies in
between may tell a person the same twice, never nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from channels_app import adapters, notice_channels
from channels_app.adapters import AccountBroken, ClientUnreachable, Rejected
from channels_app.models import ChannelAccount, Notice
from channels_app.notice_words import Words, compose
from channels_app.notices import GATHERED, TELL, URGENT_GATHERED, just_told, look_again, unwanted
from leadhub.work import TryLater, later
from tenants.business.calendar import Calendar, load_calendars, load_rotas
from tenants.business.models import BusinessSettings, StaffMember
from tenants.business.models import Presence as Word
from tenants.business.preferences import NoticeChannel
from tenants.business.presence import next_start, standing

logger = logging.getLogger(__name__)

GO_ON = "channels.notice_next"
TAKE_BACK = "channels.notice_take_back"
# Nobody reacted: the next channel, after so long.
PATIENCE = {
    "hot_lead": timedelta(seconds=20),
    "urgent": timedelta(seconds=20),
    "handover": timedelta(seconds=60),
    "breach": timedelta(seconds=60),
    "silent": timedelta(seconds=60),
}
PER_HOUR = 6  # messages without haste by one channel
HOUR = timedelta(hours=1)
LOST = timedelta(seconds=85)  # it began to leave and its process was never heard of: just below the lease of its work
# Told later than this it helps nobody; what is urgent and about no lead grows old sooner.
STALE = {True: timedelta(minutes=30), False: timedelta(days=3)}
GIVE_UP = timedelta(minutes=15)  # of trying channels that are down

_State = Notice.State


# --- Now -------------------------------------------------------------------------------------------------------------


def tell(staff_id: int, *, now: datetime) -> None:
    """Send what waits for this person and may leave now; plan when the rest is looked at again. Raises TryLater."""
    if just := just_told(staff_id, now=now):
        look_again(staff_id, just + URGENT_GATHERED, "urgent")
        return
    waiting = list(_waiting(staff_id, now=now))
    if not waiting:
        return
    staff = StaffMember.objects.select_related("user", "branch").get(pk=staff_id)
    for notice in waiting:
        notice.staff = staff
    ready = {name for name in NoticeChannel.values if _is_ready(staff, name)}
    waiting = _still_wanted(waiting, now=now)
    if not staff.is_active or not ready:
        _settle(waiting, _State.DROPPED if not staff.is_active else _State.SCREEN)
        _note_look(waiting, now=now)
        return
    presence = presence_of(staff, now=now)
    is_on_duty = presence.is_at_work or staff.preferences.off_shift or _is_backup(staff)
    urgent = [notice for notice in waiting if notice.is_urgent]
    others = [notice for notice in waiting if not notice.is_urgent]
    slept = [notice for notice in waiting if presence.since and notice.created_at < presence.since]
    trouble: TryLater | None = None
    if waiting and not is_on_duty:
        _note_look(waiting, now=now)
        look_again(staff.pk, presence.returns_at, "shift")
        return
    if presence.is_at_work and len(slept) > 1:  # one message about all that came while they were off
        trouble = _send(staff, waiting, ready, now=now, was_off=True)
    else:
        trouble = _tell_urgent(staff, urgent, ready, now=now)
        if others and not presence.is_at_work:
            look_again(staff.pk, presence.returns_at, "shift")
        else:
            trouble = _tell_others(staff, others, ready, now=now) or trouble
    if trouble:
        raise trouble


def _waiting(staff_id: int, *, now: datetime) -> QuerySet[Notice]:
    is_lost = Q(state=_State.SENDING, told_at__lt=now - LOST)
    return Notice.objects.filter(Q(state=_State.WAITING) | is_lost, staff_id=staff_id).order_by("pk")


def _is_ready(staff: StaffMember, name: str) -> bool:
    channel = notice_channels.named(name)
    return channel is not None and channel.is_ready(staff)


def _still_wanted(notices: Sequence[Notice], *, now: datetime) -> list[Notice]:
    """Without those that were seen on the screen, came too late or lost their sense: they are settled."""
    reasons = {notice.pk: "увидено на экране" for notice in notices if notice.seen_at}
    reasons |= {notice.pk: "устарело" for notice in notices if now - notice.created_at > _stale_after(notice)}
    reasons |= unwanted([notice for notice in notices if notice.pk not in reasons])
    for notice in notices:
        if notice.pk in reasons:
            _settle([notice], _State.DROPPED, outcome=reasons[notice.pk])
    return [notice for notice in notices if notice.pk not in reasons]


def _note_look(notices: Sequence[Notice], *, now: datetime) -> None:
    """Nothing of it leaves now: in a rush the person is not looked at again for every lead."""
    if newest := next((notice for notice in reversed(notices) if notice.is_urgent), None):
        Notice.objects.filter(pk=newest.pk).update(told_at=now)


def _stale_after(notice: Notice) -> timedelta:
    return STALE[notice.is_urgent and notice.lead_id is None]


def _is_backup(staff: StaffMember) -> bool:
    """Who was named the business's reserve gets leads when nobody else can: a duty by itself."""
    return BusinessSettings.objects.filter(backup_staff=staff).exists()


def _tell_urgent(staff: StaffMember, notices: Sequence[Notice], ready: set[str], *, now: datetime) -> TryLater | None:
    """The first one at once; those that came right after it together (`just_told`)."""
    return _send(staff, notices, ready, now=now) if notices else None


def _tell_others(staff: StaffMember, notices: Sequence[Notice], ready: set[str], *, now: datetime) -> TryLater | None:
    """When they have waited for their likes; not more than PER_HOUR messages an hour."""
    if not notices:
        return None
    due = notices[0].created_at + GATHERED
    first = next((name for name in staff.preferences.other if name in ready), "")
    sent = _sent_in_the_hour(staff, first, now=now)
    if len(sent) >= PER_HOUR:
        due = max(due, sorted(sent)[-PER_HOUR] + HOUR)
    if due > now:
        look_again(staff.pk, due, "others")
        return None
    return _send(staff, notices, ready, now=now)


def _sent_in_the_hour(staff: StaffMember, channel: str, *, now: datetime) -> list[datetime]:
    """When messages without haste left by this channel."""
    told = Notice.objects.filter(staff=staff, told_at__gt=now - HOUR, state=_State.SENT)
    batches = {
        notice.batch: notice.told_at
        for notice in told.exclude(kind__in=Notice.URGENT)
        if any(one["channel"] == channel and one["state"] == "sent" for one in notice.tries)
    }
    return [at for at in batches.values() if at]


# --- One message -----------------------------------------------------------------------------------------------------


def _send(
    staff: StaffMember, notices: Sequence[Notice], ready: set[str], *, now: datetime, was_off: bool = False
) -> TryLater | None:
    """Send these as one message by the first channel that takes it; an error that the caller raises at its end."""
    claimed = _claim(notices, now=now)
    if not claimed:
        return None
    is_urgent = any(notice.is_urgent for notice in claimed)
    order = [name for name in staff.preferences.order(is_urgent=is_urgent) if name in ready]
    trouble = _try_channels(staff, claimed, order, now=now, was_off=was_off)
    if claimed[0].state == _State.SENT:
        _replace_older(staff, claimed)
        return None
    if trouble and not _is_over(claimed[0], now=now):
        _settle(claimed, _State.WAITING)
        return trouble
    _settle(claimed, _State.FAILED if _since_again(claimed[0]) else _State.SCREEN)
    return None


def _claim(notices: Sequence[Notice], *, now: datetime) -> list[Notice]:
    """Those that nobody else is sending; from now on they are ours, and one message."""
    ids = [notice.pk for notice in notices]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE channels_app_notice SET state = 'sending', told_at = %s, batch = %s"
            " WHERE id = ANY(%s) AND (state = 'waiting' OR (state = 'sending' AND told_at < %s)) RETURNING id",
            [now, ids[0], ids, now - LOST],
        )
        ours = {row[0] for row in cursor.fetchall()}
    claimed = [notice for notice in notices if notice.pk in ours]
    for notice in claimed:
        notice.state, notice.told_at, notice.batch = _State.SENDING, now, ids[0]
    return claimed


def _try_channels(
    staff: StaffMember, notices: Sequence[Notice], order: Sequence[str], *, now: datetime, was_off: bool = False
) -> TryLater | None:
    """Try the channels that were not tried yet until one takes the message. The error of one that may yet, if none."""
    tried = {one["channel"] for one in _since_again(notices[0]) if one["state"] != "later"}
    left = [name for name in order if name not in tried]
    words = compose(notices, root=notice_channels.root_url(), was_off=was_off)
    trouble = None
    while left:
        name = left.pop(0)
        try:
            sent = _hand_over(staff, notices, name, words, now=now)
        except TryLater as error:
            trouble = error
            _note(notices, name, "later", now=now, error="временно не отвечает")
        except (ClientUnreachable, Rejected, AccountBroken) as error:
            _note(notices, name, "failed", now=now, error=str(error))
        except Exception as error:  # noqa: BLE001 - whatever one channel stumbles over, the next one is tried
            logger.exception("notice %s could not leave by %s", notices[0].pk, name)
            _note(notices, name, "failed", now=now, error=f"ошибка: {type(error).__name__}")
        else:
            _note(notices, name, "sent", now=now, id=sent.id, account=sent.account)
            patience = min((PATIENCE[one.kind] for one in notices if one.kind in PATIENCE), default=None)
            if left and patience:
                later(GO_ON, notices[0].batch, at=now + patience)
            return None
    return trouble


def _hand_over(
    staff: StaffMember, notices: Sequence[Notice], name: str, words: Words, *, now: datetime
) -> notice_channels.Sent:
    channel = notice_channels.named(name)
    if channel is None or not channel.is_ready(staff):
        raise Rejected("больше не подключено")
    again = any(one["channel"] == name and one["state"] == "later" for one in _since_again(notices[0]))
    times_asked = sum(one["state"] == "again" for one in notices[0].tries)
    key = f"{connection.schema_name}-notice-{notices[0].batch}-{times_asked}"
    return channel.send(staff, words, key=key, again=again, now=now)


def _is_over(notice: Notice, *, now: datetime) -> bool:
    """Some channel has been down for longer than it is waited for."""
    waited = [datetime.fromisoformat(one["at"]) for one in _since_again(notice) if one["state"] == "later"]
    return bool(waited) and now - min(waited) >= GIVE_UP


def _since_again(notice: Notice) -> list[dict[str, Any]]:
    """Tries since a person asked for all of it anew."""
    marks = [number for number, one in enumerate(notice.tries) if one["state"] == "again"]
    return notice.tries[marks[-1] + 1 :] if marks else notice.tries


def _note(notices: Sequence[Notice], channel: str, state: str, *, now: datetime, **more: object) -> None:
    """Keep a try with each notice of the message; of a channel that stays down, since when it is."""
    one = {"channel": channel, "state": state, "at": now.isoformat(), **{k: v for k, v in more.items() if v}}
    changed = []
    for notice in notices:
        waited = [each for each in notice.tries if each["state"] == "later" and each["channel"] == channel]
        if waited and state == "later":
            continue
        notice.tries = [*(each for each in notice.tries if each not in waited), one]
        if state == "sent":
            notice.state = _State.SENT
        changed.append(notice)
    Notice.objects.bulk_update(changed, ["tries", "state"], batch_size=200)


def _settle(notices: Sequence[Notice], state: str, *, outcome: str = "") -> None:
    changed = {"state": state, **({"outcome": outcome} if outcome else {})}
    Notice.objects.filter(pk__in=[notice.pk for notice in notices]).update(**changed)
    for notice in notices:
        notice.state, notice.outcome = state, outcome or notice.outcome


# --- What comes after ------------------------------------------------------------------------------------------------


def go_on(batch: int, *, now: datetime) -> None:
    """Nobody reacted to this message: those of its notices that still matter leave by the next channel."""
    found = Notice.objects.filter(batch=batch, state=_State.SENT, seen_at=None, answer="", outcome="").order_by("pk")
    silent = [notice for notice in found.select_related("staff__user") if notice.is_urgent]
    reasons = unwanted(silent)
    silent = [notice for notice in silent if notice.pk not in reasons]
    if not silent or not silent[0].staff.is_active:
        return
    staff = silent[0].staff
    order = [name for name in staff.preferences.urgent if _is_ready(staff, name)]
    if (trouble := _try_channels(staff, silent, order, now=now)) and not _is_over(silent[0], now=now):
        raise trouble


def show_outcome(batch: int, *, now: datetime) -> None:
    """Say in the message itself what came of it: in Telegram the buttons go, and the outcome stands there."""
    notices = list(Notice.objects.filter(batch=batch).select_related("staff").order_by("pk"))
    for one, account in _in_telegram(notices):
        words = compose(notices, root=notice_channels.root_url())
        _quietly(
            adapters.Telegram(account.credentials).edit_notice, notices[0].staff, one["id"], words.full, words.buttons
        )


def take_back(batch: int, *, now: datetime) -> None:
    """A newer message about the same lead stands below this one: it goes."""
    notices = list(Notice.objects.filter(batch=batch).select_related("staff").order_by("pk"))
    for one, account in _in_telegram(notices):
        _quietly(adapters.Telegram(account.credentials).take_back, notices[0].staff, one["id"])


def _in_telegram(notices: Sequence[Notice]) -> list[tuple[dict[str, Any], ChannelAccount]]:
    """The message's appearances in Telegram, with the bot of each."""
    tries = (one for notice in notices for one in notice.tries)
    sent = {
        (one["account"], one["id"]): one
        for one in tries
        if one["channel"] == NoticeChannel.TELEGRAM and one["state"] == "sent"
    }
    bots = ChannelAccount.objects.filter(is_active=True).in_bulk({account for account, _ in sent})
    return [(one, bots[account]) for (account, _), one in sent.items() if account in bots]


def _quietly(act: Callable[..., None], staff: StaffMember, *told: Any) -> None:
    """An old message that cannot be touched any more is left as it is; a messenger that is busy is asked again."""
    if not staff.telegram_chat_id:
        return
    try:
        act(staff.telegram_chat_id, *told)
    except (ClientUnreachable, AccountBroken, Rejected) as error:
        logger.info("a message to staff %s was left as it is: %s", staff.pk, type(error).__name__)


def _replace_older(staff: StaffMember, notices: Sequence[Notice]) -> None:
    """Of one lead the person keeps the newest message alone."""
    leads = {notice.lead_id for notice in notices}
    if len(leads) != 1 or None in leads:
        return
    same = Notice.objects.filter(staff=staff, lead_id__in=leads, state=_State.SENT).exclude(batch=notices[0].batch)
    batches = set(same.filter(batch__isnull=False).values_list("batch", flat=True))
    mixed = Notice.objects.filter(batch__in=batches).exclude(lead_id__in=leads).values_list("batch", flat=True)
    for batch in batches - set(mixed):
        later(TAKE_BACK, batch)


@transaction.atomic
def retry(notice: Notice, *, now: datetime) -> bool:
    """A person wants a notice that did not arrive told after all, by all channels anew. False: it is on its way."""
    notice = Notice.objects.select_for_update().get(pk=notice.pk)
    if notice.state not in (_State.FAILED, _State.SCREEN, _State.DROPPED):
        return False
    notice.state, notice.batch, notice.created_at = _State.WAITING, None, now
    notice.tries = [*notice.tries, {"channel": "", "state": "again", "at": now.isoformat()}]
    notice.outcome = notice.outcome if notice.answer else ""
    notice.save(update_fields=["state", "batch", "created_at", "tries", "outcome"])
    later(TELL, notice.staff_id, at=now if notice.is_urgent else now + GATHERED, key=f"{notice.staff_id}-again")
    return True


@transaction.atomic
def note_shown(notice: Notice, *, now: datetime) -> None:
    """A browser says that it showed the push."""
    notice = Notice.objects.select_for_update().get(pk=notice.pk)
    for one in notice.tries:
        if one["channel"] == NoticeChannel.PUSH and one["state"] == "sent" and "shown_at" not in one:
            one["shown_at"] = now.isoformat()
            notice.save(update_fields=["tries"])
            return


# --- At work or not --------------------------------------------------------------------------------------------------


class Presence(NamedTuple):
    """`since`: when the present stretch of work began, None when unknown. `returns_at`: when to look again if off."""

    is_at_work: bool
    since: datetime | None
    returns_at: datetime


def presence_of(staff: StaffMember, *, now: datetime) -> Presence:
    """Whether the person is at work, by the schedule and the shift button. Who has neither keeps the branch's hours."""
    calendars, rota = load_calendars(), load_rotas([staff])[staff.pk]
    if not (rota.patterns or rota.exceptions or staff.presence):
        return _by_branch(staff, calendars.get(staff.branch_id), now=now)
    requires = BusinessSettings.objects.values_list("requires_check_in", flat=True).first()
    there = standing(staff, rota, calendars, now, requires_check_in=bool(requires))
    if there.is_present or there.kind == Word.SILENT:  # who was marked «не отвечает» must hear of it, to come back
        return Presence(True, there.began, now)
    return Presence(False, None, next_start(rota, calendars, now) or now + timedelta(days=1))


def _by_branch(staff: StaffMember, calendar: Calendar | None, *, now: datetime) -> Presence:
    opens = calendar.next_opening(now) if calendar else None
    if staff.is_away:
        return Presence(False, None, now + HOUR)
    return Presence(opens is None or opens <= now, None, opens or now)
