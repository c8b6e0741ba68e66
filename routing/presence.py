"""The shift button: a person begins, steps out, comes back, ends; and who leaves offered leads unanswered is out too.

The verbs only say it and owe what follows from it: `handover.py` moves the leads, `backlog.py` gives what waited.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from channels_app.notices import notify, tell_soon
from leadhub import rehearsal
from leadhub.work import later
from routing import config as configs
from tenants.business import presence, responsibility
from tenants.business.models import Presence, StaffMember, Stage
from tenants.business.presence import Standing

LOG_LENGTH = 60  # of a person's own marks that are kept


def standing(person: StaffMember, *, now: datetime) -> Standing:
    """Where the person is at `now`, by the schedule and the button."""
    config = configs.load()
    return presence.standing(
        person,
        config.rotas.get(person.pk),
        config.calendars,
        now,
        requires_check_in=config.settings.requires_check_in,
    )


# --- The button -----------------------------------------------------------------------------------------------------


@transaction.atomic
def begin(staff: StaffMember, *, now: datetime) -> None:
    """«Начать смену», «Вернулся»: new leads are offered again, and what waited is given out."""
    _say(staff, Presence.HERE, now=now)
    look_again(staff, now=now)
    tell_soon(staff.pk)
    later("routing.backlog", key="now")


@transaction.atomic
def step_out(staff: StaffMember, *, now: datetime) -> None:
    """«Отошёл»: nothing new is offered; what was offered and not taken goes on; after a while the rest does too."""
    _say(staff, Presence.AWAY, now=now)
    look_again(staff, now=now)


@transaction.atomic
def finish(staff: StaffMember, *, now: datetime, why: str = "") -> None:
    """«Закончить смену»: open leads go to those who are there. `why`: a day off that was entered («заболела»)."""
    _say(staff, Presence.GONE, now=now, why=why)
    look_again(staff, now=now)


def _say(staff: StaffMember, word: Presence, *, now: datetime, why: str = "") -> None:
    """Past the model's own save(): who is there is no setting, and nobody needs to read the settings anew."""
    fresh = StaffMember.objects.select_for_update().get(pk=staff.pk)
    entry = {"at": now.isoformat(timespec="seconds"), "what": word.value, "why": why}
    changed: dict[str, Any] = {
        "presence": word.value,
        "presence_since": now,
        "is_away": word != Presence.HERE,
        "presence_log": [*fresh.presence_log, entry][-LOG_LENGTH:],
        "missed_in_a_row": 0,
    }
    StaffMember.objects.filter(pk=staff.pk).update(**changed)
    for name, value in changed.items():
        setattr(staff, name, value)


# --- Answers to what was offered ------------------------------------------------------------------------------------


def acknowledged(staff: StaffMember, *, now: datetime) -> None:
    """The person answered an offered lead (took it, declined it): there, after all."""
    if rehearsal.is_on():
        return
    quiet = Q(missed_in_a_row__gt=0) | Q(presence=Presence.SILENT, is_away=True)
    found = StaffMember.objects.filter(quiet, pk=staff.pk).first()
    if found is None:
        return
    if found.presence == Presence.SILENT and found.is_away:
        begin(found, now=now)
    else:
        StaffMember.objects.filter(pk=staff.pk).update(missed_in_a_row=0)


def note_missed(staff: StaffMember, *, lead_id: int, now: datetime) -> bool:
    """An offered lead ran out unanswered. So many in a row, and the person is marked «не отвечает»: True. Nobody need
    answer who is not there."""
    limit = configs.load().settings.silent_after
    if not limit or rehearsal.is_on() or not standing(staff, now=now).is_present:
        return False
    StaffMember.objects.filter(pk=staff.pk).update(missed_in_a_row=F("missed_in_a_row") + 1)
    fresh = StaffMember.objects.get(pk=staff.pk)
    if fresh.missed_in_a_row < limit:
        return False
    missed = fresh.missed_in_a_row
    _say(fresh, Presence.SILENT, now=now, why=f"не взято подряд: {missed}")
    key = f"silent-{fresh.pk}-{now:%Y%m%d%H%M%S}"
    told = f"Вы не взяли подряд заявок: {missed}. Новые вам не предлагаются, пока не нажмёте «Я на месте»"
    notify(fresh, "silent", told, key=key, now=now)
    role = responsibility.accountable(Stage.FIRST_CONTACT)
    for person in responsibility.people_of(role, branch=fresh.branch) if role else []:
        if person.pk != fresh.pk:
            text = f"{fresh.name} не отвечает: не взято подряд заявок: {missed}"
            notify(person, "silent", text, lead_id=lead_id, key=key, now=now)
    look_again(fresh, now=now)
    return True


# --- What follows ---------------------------------------------------------------------------------------------------


def look_again(staff: StaffMember, *, now: datetime) -> None:
    """See at once what of the person's leads is to go on to others."""
    later("routing.shift", staff.pk, key=f"{staff.pk}-now", at=now)


def watch(staff: StaffMember, *, now: datetime) -> None:
    """See at the shift's end what of the person's leads is to go on to others; of who is off shift, when somebody comes
    to work next.

    In a rehearsal nobody's real row of due work is touched."""
    if rehearsal.is_on():
        return
    there = standing(staff, now=now)
    if there.is_on_shift and there.until:
        later("routing.shift", staff.pk, at=there.until)
    else:
        watch_next_shift(now=now)


def watch_next_shift(*, now: datetime) -> None:
    """See when somebody comes to work next what waited for a person."""
    config = configs.load()
    starts = (presence.next_start(rota, config.calendars, now) for rota in config.rotas.values())
    soonest = min(filter(None, starts), default=None)
    if soonest and not rehearsal.is_on():
        later("routing.backlog", key="next", at=soonest)
