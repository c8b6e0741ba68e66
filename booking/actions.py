"""The verbs of appointments. Each is one transaction and tells `appointment_changed` inside it.

A verb that takes time of a person first takes that person's advisory lock (one a verb, so two verbs cannot wait for
each other); the exclusion constraint is the last guard. Row locks come after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from django.db import IntegrityError, connection, transaction

from booking.models import TAKES_TIME, Appointment, minutes_of, moment_of
from booking.openings import Visit, works_through
from booking.queries import load_team, load_visit
from booking.signals import appointment_changed
from contacts.models import Contact, Conversation
from leadhub import rehearsal
from leadhub.work import later
from tenants.business.calendar import load_calendars
from tenants.business.models import BusinessSettings, Service

Status = Appointment.Status


class Taken(Exception):
    """The time belongs to somebody else now: offer another."""


class Impossible(Exception):
    """The visit cannot be so. `code`: past, services, skills, shift or state; str() says why in Russian."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


# --- Taking time --------------------------------------------------------------------------------------------------


@transaction.atomic
def hold(
    contact: Contact,
    conversation: Conversation | None,
    service_ids: Sequence[int],
    staff_id: int,
    branch_id: int,
    start: datetime,
    *,
    now: datetime,
    lead_id: int | None = None,
    by_assistant: bool = True,
    for_whom: str = "",
    moving_id: int | None = None,
) -> Appointment:
    """Keep a time for a client for the tenant's `hold_minutes`. Raises Taken, Impossible.

    The client's own holds that overlap it are replaced by it. `moving_id`: the client's visit that is to be moved here
    and does not stand in its own way. A hold that overlaps it takes no time of its own (it has run out from the start):
    `move_to_hold` follows in the same transaction, which keeps the person's lock."""
    until = now + timedelta(minutes=BusinessSettings.load().hold_minutes)
    appointment = Appointment(
        contact=contact,
        conversation=conversation,
        lead_id=lead_id,
        status=Status.HOLD,
        hold_until=until,
        by_assistant=by_assistant,
        for_whom=for_whom,
        created_at=now,
    )
    _take_time(appointment, service_ids, staff_id, branch_id, start, now=now, moving_id=moving_id)
    if appointment.status == Status.HOLD:
        later("booking.expire_hold", appointment.pk, at=until)
    return _tell(appointment, "held", now=now)


@dataclass(frozen=True)
class Part:
    """One of several visits agreed on together."""

    service_ids: tuple[int, ...]
    staff_id: int
    branch_id: int
    start: datetime


@transaction.atomic
def hold_together(
    contact: Contact,
    conversation: Conversation | None,
    parts: Sequence[Part],
    *,
    now: datetime,
    lead_id: int | None = None,
) -> list[Appointment]:
    """Keep the time of every part, or of none. Raises Taken, Impossible."""
    for staff_id in sorted({part.staff_id for part in parts}):
        _lock_staff(staff_id)
    held = [
        hold(
            contact,
            conversation,
            part.service_ids,
            part.staff_id,
            part.branch_id,
            part.start,
            lead_id=lead_id,
            now=now,
        )
        for part in parts
    ]
    for each in held:
        each.series = held[0].pk
        each.save(update_fields=["series"])
    return held


def together_with(appointment: Appointment) -> list[Appointment]:
    """The appointment and those agreed on with it, in the order they were agreed on; it alone when it is by itself."""
    if appointment.series is None:
        return [appointment]
    rows = Appointment.objects.filter(contact=appointment.contact_id, series=appointment.series)
    return list(rows.select_related("staff", "branch").order_by("pk"))


@transaction.atomic
def book_together(holds: Sequence[Appointment], *, now: datetime, for_whom: Sequence[str] = ()) -> list[Appointment]:
    """Turn every hold into an appointment, or none. `for_whom`: one name a hold, "" the client's own visit.

    Raises Taken, Impossible."""
    for staff_id in sorted({held.staff_id for held in holds}):
        _lock_staff(staff_id)
    names = [*for_whom, *[""] * len(holds)]
    return [book(held, now=now, for_whom=name) for held, name in zip(holds, names, strict=False)]


@transaction.atomic
def book(hold: Appointment, *, now: datetime, for_whom: str = "") -> Appointment:
    """Turn a hold into an appointment; one that ran out too, while nobody took the time. Twice is as good as once.

    `for_whom`: who comes, when it is not the client. Raises Taken, Impossible (the time has passed; it was
    cancelled)."""
    _lock_staff(hold.staff_id)
    appointment = _locked(hold)
    if appointment.status in (Status.BOOKED, Status.CONFIRMED):
        return appointment
    if appointment.status not in (Status.HOLD, Status.EXPIRED):
        raise Impossible("state", "Эту запись уже нельзя оформить.")
    _check_ahead(appointment.starts_at, now=now)
    _make_room(appointment, now=now)
    appointment.status = Status.BOOKED
    appointment.hold_until = None
    appointment.booked_at = now
    appointment.for_whom = for_whom[:120] or appointment.for_whom
    _save(appointment)
    return _tell(appointment, "booked", now=now)


@transaction.atomic
def book_now(
    contact: Contact,
    service_ids: Sequence[int],
    staff_id: int,
    branch_id: int,
    start: datetime,
    *,
    now: datetime,
    conversation: Conversation | None = None,
    lead_id: int | None = None,
    for_whom: str = "",
    outside_shift: bool = False,
) -> Appointment:
    """A person books a client without a hold, at any minute; `outside_shift`: knowingly out of working hours.

    Raises Taken, Impossible."""
    appointment = Appointment(
        contact=contact,
        conversation=conversation,
        lead_id=lead_id,
        status=Status.BOOKED,
        for_whom=for_whom,
        created_at=now,
        booked_at=now,
    )
    _take_time(appointment, service_ids, staff_id, branch_id, start, now=now, outside_shift=outside_shift)
    return _tell(appointment, "booked", now=now)


@transaction.atomic
def move(
    appointment: Appointment,
    to_staff: int,
    to_start: datetime,
    *,
    now: datetime,
    to_branch: int | None = None,
    outside_shift: bool = False,
) -> Appointment:
    """The same visit at another time or with another person; it awaits its confirmation anew. Raises Taken, Impossible.

    Length and price stay as they were agreed. `to_branch` None: the branch stays."""
    _check_ahead(to_start, now=now)
    _lock_staff(to_staff)
    moved = _locked(appointment)
    _check_expected(moved)
    visit, branch_id = _visit_of(moved), to_branch or moved.branch_id
    _check_possible(visit, to_staff, branch_id, to_start, outside_shift=outside_shift)
    moved.staff_id, moved.branch_id = to_staff, branch_id
    _set_time(moved, visit, to_start)
    _make_room(moved, now=now)
    return _moved(moved, now=now)


@transaction.atomic
def move_to_hold(appointment: Appointment, hold: Appointment, *, now: datetime) -> Appointment:
    """The visit takes time, person and services of a hold, which is used up. Raises Taken, Impossible."""
    _lock_staff(hold.staff_id)
    rows = Appointment.objects.select_for_update(of=("self",)).select_related("staff", "branch").order_by("pk")
    by_id = {row.pk: row for row in rows.filter(pk__in=[appointment.pk, hold.pk])}
    moved, held = by_id[appointment.pk], by_id[hold.pk]
    _check_expected(moved)
    if held.status not in (Status.HOLD, Status.EXPIRED):
        raise Impossible("state", "Это время больше не держится.")
    _check_ahead(held.starts_at, now=now)
    _expire(held, now=now, aloud=False)
    for name in (
        *("staff", "branch", "starts_at", "ends_at", "start_min", "end_min"),
        *("price_kopecks", "price_to_kopecks"),
    ):
        setattr(moved, name, getattr(held, name))
    _make_room(moved, now=now)
    moved.services.set(held.services.all())
    return _moved(moved, now=now)


@transaction.atomic
def extend(appointment: Appointment, service: Service, *, now: datetime) -> Appointment:
    """One more service in the same visit, right after the others. Raises Taken, Impossible."""
    _lock_staff(appointment.staff_id)
    extended = _locked(appointment)
    _check_expected(extended)
    visit = _with_service(_visit_of(extended), service)
    _check_possible(visit, extended.staff_id, extended.branch_id, extended.starts_at, outside_shift=False)
    _set_time(extended, visit, extended.starts_at)
    _make_room(extended, now=now)
    _save(extended)
    extended.services.add(service)
    return _tell(extended, "extended", now=now)


def can_extend(appointment: Appointment, service: Service, *, now: datetime) -> bool:
    """Whether `extend` would do it at this moment; nothing is changed."""
    try:
        with transaction.atomic():
            extended = _locked(appointment)
            visit = _with_service(_visit_of(extended), service)
            _check_possible(visit, extended.staff_id, extended.branch_id, extended.starts_at, outside_shift=False)
            _set_time(extended, visit, extended.starts_at)
            return not any(not _has_run_out(other, now) for other in _overlapping(extended))
    except Impossible:
        return False


def _with_service(visit: Visit, service: Service) -> Visit:
    more = Visit.of([service])
    upper = (visit.price_to_kopecks or visit.price_kopecks) + (more.price_to_kopecks or more.price_kopecks)
    lower = visit.price_kopecks + more.price_kopecks
    return Visit(
        service_ids=(*visit.service_ids, *more.service_ids),
        minutes=visit.minutes + more.minutes,
        buffer_minutes=max(visit.buffer_minutes, more.buffer_minutes),
        skill_ids=visit.skill_ids | more.skill_ids,
        price_kopecks=lower,
        price_to_kopecks=upper if upper > lower else None,
    )


def _visit_of(appointment: Appointment) -> Visit:
    """The visit as it was agreed, whatever the price list says by now."""
    services = list(appointment.services.all())
    minutes = int((appointment.ends_at - appointment.starts_at).total_seconds() // 60)
    return Visit(
        service_ids=tuple(service.pk for service in services),
        minutes=minutes,
        buffer_minutes=appointment.end_min - appointment.start_min - minutes,
        skill_ids=frozenset(service.skill_id for service in services if service.skill_id is not None),
        price_kopecks=appointment.price_kopecks,
        price_to_kopecks=appointment.price_to_kopecks,
    )


def _moved(appointment: Appointment, *, now: datetime) -> Appointment:
    appointment.revision += 1
    appointment.status = Status.BOOKED
    appointment.confirmed_at = None
    _save(appointment)
    return _tell(appointment, "moved", now=now)


# --- What becomes of it -------------------------------------------------------------------------------------------


@transaction.atomic
def confirm(appointment: Appointment, *, now: datetime) -> Appointment:
    """The client said yes. Twice is as good as once. Raises Impossible."""
    confirmed = _locked(appointment)
    if confirmed.status == Status.CONFIRMED:
        return confirmed
    _check_expected(confirmed)
    confirmed.status = Status.CONFIRMED
    confirmed.confirmed_at = now
    _save(confirmed)
    return _tell(confirmed, "confirmed", now=now)


@transaction.atomic
def cancel(appointment: Appointment, *, now: datetime, reason: str = "") -> Appointment:
    """The client will not come; the time is free. Twice is as good as once. Raises Impossible."""
    cancelled = _locked(appointment)
    if cancelled.status == Status.CANCELLED:
        return cancelled
    _check_expected(cancelled)
    cancelled.cancel_reason = reason[:200]
    return _close(cancelled, Status.CANCELLED, now=now)


@transaction.atomic
def mark_arrived(appointment: Appointment, *, now: datetime) -> Appointment:
    """The client came; corrects a no-show. Raises Impossible, and Taken when the no-show's time was given away."""
    _lock_staff(appointment.staff_id)
    arrived = _locked(appointment)
    if arrived.status == Status.ARRIVED:
        return arrived
    if arrived.status == Status.NO_SHOW:
        _make_room(arrived, now=now)
    else:
        _check_expected(arrived)
    return _close(arrived, Status.ARRIVED, now=now)


@transaction.atomic
def mark_no_show(appointment: Appointment, *, now: datetime) -> Appointment:
    """The client did not come; corrects an arrival. Raises Impossible, also before the visit's time."""
    missed = _locked(appointment)
    if missed.status == Status.NO_SHOW:
        return missed
    if missed.status != Status.ARRIVED:
        _check_expected(missed)
    if now < missed.starts_at:
        raise Impossible("state", "Время визита ещё не наступило.")
    return _close(missed, Status.NO_SHOW, now=now)


@transaction.atomic
def release(hold: Appointment, *, now: datetime) -> None:
    """Give a hold back, with those kept together with it. Anything else (booked, run out already) stays as it is."""
    for each in together_with(hold):
        held = _locked(each)
        if held.status == Status.HOLD:
            _expire(held, now=now)


@transaction.atomic
def expire_hold(appointment_id: int, *, now: datetime) -> bool | None:
    """Free a hold whose time ran out: whether it was freed now; None when somebody works on it at this moment."""
    rows = Appointment.objects.select_for_update(skip_locked=True, of=("self",)).select_related("staff", "branch")
    held = rows.filter(pk=appointment_id).first()
    if held is None:
        return None if Appointment.objects.filter(pk=appointment_id).exists() else False
    if held.status != Status.HOLD or held.hold_until is None or held.hold_until > now:
        return False
    _expire(held, now=now)
    return True


def _expire(hold: Appointment, *, now: datetime, aloud: bool = True) -> None:
    """`aloud` False: its client goes on with something else, so nobody needs to hear of it."""
    hold.status = Status.EXPIRED
    hold.save(update_fields=["status"])
    if aloud:
        _tell(hold, "expired", now=now)


def _close(appointment: Appointment, status: Appointment.Status, *, now: datetime) -> Appointment:
    appointment.status = status
    appointment.closed_at = now
    _save(appointment)
    return _tell(appointment, status.value, now=now)


# --- Guards -------------------------------------------------------------------------------------------------------


def _take_time(
    appointment: Appointment,
    service_ids: Sequence[int],
    staff_id: int,
    branch_id: int,
    start: datetime,
    *,
    now: datetime,
    outside_shift: bool = False,
    moving_id: int | None = None,
) -> None:
    """Check, lock, make room, and write a new appointment with its services.

    Over the visit that is to be moved to it, it is written as one that has run out."""
    visit = load_visit(service_ids)
    if visit is None:
        raise Impossible("services", "Такой услуги нет в прайсе.")
    _check_ahead(start, now=now)
    _check_possible(visit, staff_id, branch_id, start, outside_shift=outside_shift)
    appointment.staff_id, appointment.branch_id = staff_id, branch_id
    _set_time(appointment, visit, start)
    _lock_staff(staff_id)
    if _make_room(appointment, now=now, moving_id=moving_id):
        appointment.status = Status.EXPIRED
    _save(appointment)
    appointment.services.add(*visit.service_ids)


def _check_ahead(start: datetime, *, now: datetime) -> None:
    if start <= now:
        raise Impossible("past", "Это время уже прошло.")


def _check_possible(visit: Visit, staff_id: int, branch_id: int, start: datetime, *, outside_shift: bool) -> None:
    """That the person does such things, and is at work there and then."""
    person = next(iter(load_team(staff_id)), None)
    if person is None:
        raise Impossible("skills", "К этому сотруднику не записывают.")
    if not person.can_do(visit):
        raise Impossible("skills", "Этот сотрудник не оказывает такую услугу.")
    first = minutes_of(start)
    if outside_shift:
        return
    if not works_through(person, branch_id, first, first + visit.busy_minutes, load_calendars()):
        raise Impossible("shift", "В это время сотрудник не работает.")


def _check_expected(appointment: Appointment) -> None:
    if not appointment.is_expected:
        raise Impossible("state", f"С записью этого сделать нельзя: {appointment.get_status_display()}.")


def _lock_staff(staff_id: int) -> None:
    """Advisory locks are of the whole database, so the tenant is in the key.

    A rehearsal plays several verbs in one transaction: its locks would stand in a real client's way, crosswise too."""
    if rehearsal.is_on():
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema()), %s)", [staff_id])


def _locked(appointment: Appointment) -> Appointment:
    rows = Appointment.objects.select_for_update(of=("self",)).select_related("staff", "branch")
    return rows.get(pk=appointment.pk)


def _set_time(appointment: Appointment, visit: Visit, start: datetime) -> None:
    first = minutes_of(start)
    appointment.start_min, appointment.end_min = first, first + visit.busy_minutes
    appointment.starts_at, appointment.ends_at = moment_of(first), moment_of(first + visit.minutes)
    appointment.price_kopecks, appointment.price_to_kopecks = visit.price_kopecks, visit.price_to_kopecks


def _make_room(appointment: Appointment, *, now: datetime, moving_id: int | None = None) -> bool:
    """Free what gives way in that time: holds that ran out, and holds of the same client. Raises Taken for the rest.

    Whether the client's visit `moving_id` is there too: only its own move frees that. Under the person's lock."""
    all_there = list(_overlapping(appointment))
    in_the_way = [other for other in all_there if not _is_moved_here(other, appointment, moving_id)]
    if not all(_has_run_out(other, now) or _is_own_hold(other, appointment) for other in in_the_way):
        raise Taken
    for other in in_the_way:
        freed = _locked(other)
        if freed.status == Status.HOLD:
            _expire(freed, now=now, aloud=_has_run_out(freed, now))
    return len(in_the_way) < len(all_there)


def _is_moved_here(other: Appointment, appointment: Appointment, moving_id: int | None) -> bool:
    return other.pk == moving_id and other.contact_id == appointment.contact_id and other.is_expected


def _has_run_out(other: Appointment, now: datetime) -> bool:
    return other.status == Status.HOLD and other.hold_until is not None and other.hold_until <= now


def _is_own_hold(other: Appointment, appointment: Appointment) -> bool:
    return other.status == Status.HOLD and other.contact_id == appointment.contact_id


def _overlapping(appointment: Appointment) -> Iterable[Appointment]:
    return Appointment.objects.filter(
        staff=appointment.staff_id,
        status__in=TAKES_TIME,
        start_min__lt=appointment.end_min,
        end_min__gt=appointment.start_min,
    ).exclude(pk=appointment.pk)


def _save(appointment: Appointment) -> None:
    try:
        with transaction.atomic():
            appointment.save()
    except IntegrityError as error:
        if isinstance(error.__cause__, psycopg.errors.ExclusionViolation):
            raise Taken from error
        raise


def _tell(appointment: Appointment, what: str, *, now: datetime) -> Appointment:
    appointment_changed.send(Appointment, appointment=appointment, what=what, now=now)
    return appointment
