"""What may be done with appointments, and what the rooms above hear of it."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from booking import actions, queries
from booking.actions import Impossible, Taken
from booking.models import Appointment
from booking.openings import Wish
from booking.signals import appointment_changed
from contacts.models import Contact
from leadhub.work.models import DueWork
from tenants.business.models import Service, ShiftException

UFA = ZoneInfo("Asia/Yekaterinburg")
THREE = datetime(2026, 11, 26, 15, 0, tzinfo=UFA)
HOUR = timedelta(hours=1)


@pytest.fixture
def told():
    """What the signal said, in order."""
    heard: list[str] = []

    def listen(sender, *, appointment, what, now, **kwargs):
        heard.append(what)

    appointment_changed.connect(listen)
    yield heard
    appointment_changed.disconnect(listen)


@pytest.fixture
def nina(salon, clock):
    return Contact.objects.create(name="Нина", created_at=clock.now())


@pytest.fixture
def vera(salon, clock):
    return Contact.objects.create(name="Вера", created_at=clock.now())


@pytest.fixture
def desk(salon, clock):
    return Desk(salon, clock)


class Desk:
    """Verbs with the salon's usual answers filled in: a cut by Olga tomorrow at three."""

    def __init__(self, salon, clock):
        self.salon, self.clock = salon, clock
        self.branch_id, self.olga, self.marina = salon.branch.pk, salon.olga.pk, salon.marina.pk
        self.cut, self.nails = salon.service("Женская стрижка").pk, salon.service("Маникюр").pk

    @property
    def now(self):
        return self.clock.now()

    def wait(self, **delta):
        """Time passes and nobody does any due work meanwhile."""
        self.clock._now += timedelta(**delta)

    def hold(self, contact, start=THREE, services=None, staff=None, **extra):
        chosen = services or [self.cut]
        return actions.hold(contact, None, chosen, staff or self.olga, self.branch_id, start, now=self.now, **extra)

    def book(self, contact, start=THREE, **extra):
        return actions.book(self.hold(contact, start, **extra), now=self.now)

    def book_now(self, contact, start=THREE, services=None, staff=None, **extra):
        chosen = services or [self.cut]
        return actions.book_now(contact, chosen, staff or self.olga, self.branch_id, start, now=self.now, **extra)


# --- Hold and book ------------------------------------------------------------------------------------------------


def test_hold_then_book(desk, nina, told):
    held = desk.hold(nina, lead_id=5, for_whom="дочь")
    assert held.status == "hold"
    assert held.hold_until == desk.now + timedelta(minutes=10)
    assert (held.starts_at, held.ends_at) == (THREE, THREE + HOUR)
    booked = actions.book(held, now=desk.now)
    assert (booked.pk, booked.status, booked.hold_until, booked.booked_at) == (held.pk, "booked", None, desk.now)
    assert (booked.lead_id, booked.for_whom, booked.price_kopecks, booked.by_assistant) == (5, "дочь", 150_000, True)
    assert [service.name for service in booked.services.all()] == ["Женская стрижка"]
    assert told == ["held", "booked"]
    assert actions.book(held, now=desk.now).booked_at == booked.booked_at  # twice is as good as once
    assert told == ["held", "booked"]


def test_cleaning_belongs_to_the_master_not_to_the_client(desk, nina):
    Service.objects.filter(pk=desk.cut).update(buffer_minutes=15)
    held = desk.hold(nina)
    assert held.ends_at == THREE + HOUR
    assert held.end_min - held.start_min == 75
    with pytest.raises(Taken):
        desk.hold(Contact.objects.create(name="Вера", created_at=desk.now), THREE + HOUR)


def test_time_of_another_is_taken(desk, nina, vera, told):
    desk.hold(nina)
    for start in (THREE, THREE - HOUR / 2, THREE + HOUR / 2):
        with pytest.raises(Taken):
            desk.hold(vera, start)
        with pytest.raises(Taken):
            desk.book_now(vera, start)
    assert desk.hold(vera, THREE + HOUR).status == "hold"
    assert Appointment.objects.count() == 2


def test_client_chooses_again_over_her_own_hold(desk, nina, told):
    first = desk.hold(nina)
    second = desk.hold(nina, THREE + HOUR / 2)
    assert desk.hold(nina, THREE + HOUR / 2).pk != second.pk
    first.refresh_from_db()
    assert first.status == "expired"
    assert Appointment.objects.filter(status="hold").count() == 1
    assert told == ["held", "held", "held"]


def test_own_booking_is_no_hold_to_be_replaced(desk, nina):
    desk.book(nina)
    with pytest.raises(Taken):
        desk.hold(nina)


def test_hold_runs_out_and_the_time_is_free(desk, nina, vera, clock, told):
    held = desk.hold(nina)
    clock.tick(minutes=9, seconds=59)
    assert Appointment.objects.get(pk=held.pk).status == "hold"
    clock.tick(seconds=1)
    assert Appointment.objects.get(pk=held.pk).status == "expired"
    assert told == ["held", "expired"]
    assert desk.hold(vera).status == "hold"


def test_hold_that_ran_out_gives_way_before_its_due_work_was_done(desk, nina, vera, clock, told):
    desk.hold(nina)
    desk.wait(minutes=11)
    free = [opening.start for opening in queries.openings([desk.cut], Wish(((THREE, THREE),)), now=desk.now).openings]
    assert free == [THREE]
    assert desk.book_now(vera).status == "booked"
    assert told == ["held", "expired", "booked"]


def test_late_answer_books_while_the_time_is_free_and_not_after(desk, nina, vera, clock):
    late = desk.hold(nina)
    clock.tick(minutes=11)
    assert actions.book(late, now=desk.now).status == "booked"
    too_late = desk.hold(nina, THREE + 2 * HOUR)
    clock.tick(minutes=11)
    desk.book(vera, THREE + 2 * HOUR)
    with pytest.raises(Taken):
        actions.book(too_late, now=desk.now)


def test_due_work_waits_while_somebody_works_on_the_hold(desk, nina, clock, monkeypatch):
    held = desk.hold(nina)
    with monkeypatch.context() as patch:
        patch.setattr("booking.actions.expire_hold", lambda appointment_id, *, now: None)
        clock.tick(minutes=10)
    assert Appointment.objects.get(pk=held.pk).status == "hold"
    owed = DueWork.objects.get(handler="booking.expire_hold")
    assert (owed.attempts, owed.failed_at) == (0, None)
    clock.tick(seconds=2)
    assert Appointment.objects.get(pk=held.pk).status == "expired"


def test_released_hold_frees_the_time_and_a_booking_is_not_released(desk, nina, told):
    held = desk.hold(nina)
    actions.release(held, now=desk.now)
    assert told == ["held", "expired"]
    booked = desk.book(nina)
    actions.release(booked, now=desk.now)
    assert Appointment.objects.get(pk=booked.pk).status == "booked"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"start": datetime(2026, 11, 25, 11, 30, tzinfo=UFA)}, "past"),
        ({"start": datetime(2026, 11, 26, 20, 30, tzinfo=UFA)}, "shift"),  # it would end after closing
        ({"start": datetime(2026, 11, 26, 8, 0, tzinfo=UFA)}, "shift"),
        ({"staff": "marina"}, "skills"),
        ({"staff": "anna"}, "skills"),  # takes no bookings
        ({"services": [999_999]}, "services"),
    ],
)
def test_visit_that_cannot_be(salon, desk, nina, changes, code):
    if who := changes.get("staff"):
        changes = {**changes, "staff": getattr(salon, who).pk}
    for verb in (desk.hold, desk.book_now):
        with pytest.raises(Impossible) as refused:
            verb(nina, **changes)
        assert refused.value.code == code
    assert not Appointment.objects.exists()


def test_receptionist_may_squeeze_in_after_hours(desk, nina):
    late = datetime(2026, 11, 26, 20, 30, tzinfo=UFA)
    assert desk.book_now(nina, late, outside_shift=True).starts_at == late


def test_day_off_of_the_master_is_no_time_to_book(salon, desk, nina):
    ShiftException.objects.create(staff=salon.olga, date=THREE.date())
    with pytest.raises(Impossible):
        desk.hold(nina)


def test_database_is_the_last_guard(desk, nina, vera, monkeypatch):
    desk.book(nina)
    monkeypatch.setattr(actions, "_overlapping", lambda appointment: [])  # as if the check had been forgotten
    with pytest.raises(Taken):
        desk.hold(vera)
    booked = Appointment.objects.get()
    fields = {name: getattr(booked, name) for name in ("staff", "branch", "starts_at", "ends_at", "price_kopecks")}
    with pytest.raises(IntegrityError), transaction.atomic():
        Appointment.objects.create(
            **fields,
            contact=vera,
            status="booked",
            start_min=booked.start_min,
            end_min=booked.end_min,
            created_at=desk.now,
        )


# --- Move ---------------------------------------------------------------------------------------------------------


def test_move_to_another_time_needs_a_new_confirmation(desk, nina, told):
    booked = actions.confirm(desk.book(nina), now=desk.now)
    moved = actions.move(booked, desk.olga, THREE + HOUR / 2, now=desk.now)  # over its own old time
    assert (moved.pk, moved.revision, moved.status, moved.confirmed_at) == (booked.pk, 1, "booked", None)
    assert (moved.starts_at, moved.ends_at) == (THREE + HOUR / 2, THREE + 1.5 * HOUR)
    assert told == ["held", "booked", "confirmed", "moved"]


def test_moved_visit_keeps_its_length_and_price_when_the_price_list_changed(desk, nina):
    booked = desk.book(nina)
    Service.objects.filter(pk=desk.cut).update(duration_minutes=90, price_kopecks=1, is_active=False)
    moved = actions.move(booked, desk.olga, THREE + HOUR, now=desk.now)
    assert (moved.ends_at - moved.starts_at, moved.price_kopecks) == (HOUR, 150_000)


def test_move_onto_another_client_leaves_all_as_it_was(desk, nina, vera, told):
    booked = desk.book(nina)
    desk.book(vera, THREE + HOUR)
    told.clear()
    with pytest.raises(Taken), transaction.atomic():
        actions.move(booked, desk.olga, THREE + HOUR / 2, now=desk.now)
    booked.refresh_from_db()
    assert (booked.starts_at, booked.revision) == (THREE, 0)
    assert told == []


@pytest.mark.parametrize(
    "start", [datetime(2026, 11, 26, 20, 30, tzinfo=UFA), datetime(2026, 11, 25, 9, 0, tzinfo=UFA)]
)
def test_move_to_where_it_cannot_be(desk, nina, start):
    booked = desk.book(nina)
    with pytest.raises(Impossible):
        actions.move(booked, desk.olga, start, now=desk.now)
    with pytest.raises(Impossible):
        actions.move(booked, desk.marina, THREE + HOUR, now=desk.now)


def test_move_to_a_held_time(desk, nina, vera, told):
    booked = desk.book(nina)
    held = desk.hold(nina, THREE + 3 * HOUR)
    told.clear()
    moved = actions.move_to_hold(booked, held, now=desk.now)
    assert (moved.pk, moved.starts_at, moved.revision, moved.status) == (booked.pk, THREE + 3 * HOUR, 1, "booked")
    assert told == ["moved"]
    assert Appointment.objects.filter(status__in=["hold", "booked"]).count() == 1
    assert desk.hold(vera).starts_at == THREE  # the old time is free


def test_move_to_a_hold_with_another_master_and_service(desk, nina):
    booked = desk.book(nina)
    held = desk.hold(nina, THREE, services=[desk.nails], staff=desk.marina)
    moved = actions.move_to_hold(booked, held, now=desk.now)
    assert (moved.staff.name, moved.price_kopecks) == ("Марина", 180_000)
    assert [service.name for service in moved.services.all()] == ["Маникюр"]


def test_hold_that_was_lost_moves_nothing(desk, nina, vera, clock):
    booked = desk.book(nina)
    held = desk.hold(nina, THREE + 3 * HOUR)
    clock.tick(minutes=11)
    desk.book(vera, THREE + 3 * HOUR)
    with pytest.raises(Taken):
        actions.move_to_hold(booked, held, now=desk.now)
    booked.refresh_from_db()
    assert (booked.starts_at, booked.revision, booked.status) == (THREE, 0, "booked")


def test_move_by_half_an_hour_overlaps_the_old_time(desk, nina, vera):
    booked = desk.book(nina)
    with pytest.raises(Taken):
        desk.hold(nina, THREE + HOUR / 2)  # another visit of hers, not this one moved
    free = queries.openings([desk.cut], Wish(((THREE, THREE + HOUR),)), now=desk.now, moving_id=booked.pk).openings
    assert THREE + HOUR / 2 in [opening.start for opening in free]
    with transaction.atomic():
        held = desk.hold(nina, THREE + HOUR / 2, moving_id=booked.pk)
        assert Appointment.objects.filter(status__in=["hold", "booked"]).get() == booked  # it takes no time of its own
        moved = actions.move_to_hold(booked, held, now=desk.now)
    assert (moved.pk, moved.starts_at, moved.revision, moved.status) == (booked.pk, THREE + HOUR / 2, 1, "booked")
    assert not DueWork.objects.filter(handler="booking.expire_hold", ids=[held.pk]).exists()
    with pytest.raises(Taken):
        desk.hold(vera, THREE + HOUR)
    assert desk.hold(vera, THREE - HOUR / 2).status == "hold"


def test_visit_that_moves_gives_way_to_itself_alone(desk, nina, vera):
    hers, other = desk.book(nina), desk.book(vera, THREE + HOUR)
    with pytest.raises(Taken):
        desk.hold(nina, THREE + HOUR / 2, moving_id=hers.pk)  # it would reach into Vera's
    with pytest.raises(Taken):
        desk.hold(nina, THREE + HOUR, moving_id=other.pk)  # not hers to move
    assert desk.hold(nina, THREE + 3 * HOUR, moving_id=hers.pk).status == "hold"  # apart from it: held as ever


def test_hold_over_the_visit_books_no_second_one(desk, nina):
    booked = desk.book(nina)
    held = desk.hold(nina, THREE + HOUR / 2, moving_id=booked.pk)
    with pytest.raises(Taken):
        actions.book(held, now=desk.now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Appointment.objects.filter(pk=held.pk).update(status="booked")  # the last guard


# --- Outcomes -----------------------------------------------------------------------------------------------------


def test_cancelled_time_is_free_and_stays_told_once(desk, nina, vera, told):
    booked = desk.book(nina)
    cancelled = actions.cancel(booked, now=desk.now, reason="заболела")
    assert (cancelled.status, cancelled.cancel_reason, cancelled.closed_at) == ("cancelled", "заболела", desk.now)
    actions.cancel(booked, now=desk.now)
    assert told == ["held", "booked", "cancelled"]
    desk.book(vera)
    with pytest.raises(Impossible):
        actions.book(booked, now=desk.now)
    with pytest.raises(Impossible):
        actions.confirm(booked, now=desk.now)
    with pytest.raises(Impossible):
        actions.move(booked, desk.olga, THREE + HOUR, now=desk.now)


def test_came_or_not_and_the_mistake_corrected(desk, nina, clock, told):
    booked = desk.book(nina)
    with pytest.raises(Impossible):
        actions.mark_no_show(booked, now=desk.now)
    desk.wait(days=1, hours=4)
    actions.mark_no_show(booked, now=desk.now)
    arrived = actions.mark_arrived(booked, now=desk.now)
    actions.mark_arrived(booked, now=desk.now)
    assert (arrived.status, arrived.closed_at) == ("arrived", desk.now)
    assert told == ["held", "booked", "no_show", "arrived"]
    with pytest.raises(Impossible):
        actions.cancel(booked, now=desk.now)


def test_no_show_whose_time_was_given_away_cannot_have_arrived(desk, nina, vera, clock):
    booked = desk.book(nina)
    desk.wait(days=1, hours=3, minutes=20)
    actions.mark_no_show(booked, now=desk.now)
    desk.book_now(vera, THREE + HOUR / 2)
    with pytest.raises(Taken):
        actions.mark_arrived(booked, now=desk.now)


# --- Queries ------------------------------------------------------------------------------------------------------


def test_openings_cost_the_same_queries_for_a_small_and_a_large_salon(
    salon, desk, nina, vera, django_assert_num_queries
):
    now = desk.now
    with django_assert_num_queries(9):
        assert len(queries.openings([desk.cut], now=now).openings) == 3
    for number in range(8):
        desk.book([nina, vera][number % 2], THREE.replace(hour=10 + number))
        twin = salon.olga
        skills = list(twin.skills.all())
        twin.pk = None
        twin.name = f"Мастер {number}"
        twin.save()
        twin.skills.set(skills)
    with django_assert_num_queries(9):
        assert len(queries.openings([desk.cut], now=now).openings) == 3


def test_openings_of_a_client_look_past_her_own_hold(desk, nina):
    desk.hold(nina)
    wish = Wish(((THREE, THREE),))
    assert queries.openings([desk.cut], wish, now=desk.now).reason == "busy"
    own = queries.openings([desk.cut], wish, now=desk.now, contact_id=nina.pk)
    assert [opening.start for opening in own.openings] == [THREE]


def test_why_there_is_no_opening(desk):
    assert queries.openings([], now=desk.now).reason == "no_service"
    assert queries.openings([999_999], now=desk.now).reason == "no_service"
    assert queries.openings([desk.cut, desk.nails], now=desk.now).reason == "nobody_can"
    assert queries.openings([desk.nails], now=desk.now, staff_id=desk.olga).reason == "nobody_can"


def test_every_offered_opening_can_be_held(desk, nina):
    for opening in queries.openings([desk.cut], now=desk.now, limit=20).openings:
        held = desk.hold(nina, opening.start, staff=opening.staff_id)
        assert held.ends_at == opening.end
        actions.release(held, now=desk.now)


def test_panel_shows_every_free_time_of_some_days(salon, desk, nina, django_assert_num_queries):
    booked = desk.book(nina)
    ShiftException.objects.create(staff=salon.olga, date=datetime(2026, 11, 27).date())
    ShiftException.objects.create(staff=salon.olga, date=datetime(2026, 11, 28).date(), start=time(10), end=time(12))
    today = desk.now.astimezone(UFA).date()
    with django_assert_num_queries(9):
        days = queries.day_openings([desk.cut], now=desk.now, first_day=today, days=4)
    clock_ = {day.day.day: [f"{opening.start.astimezone(UFA):%H:%M}" for opening in day.openings] for day in days}
    assert list(clock_) == [25, 26, 27, 28]
    assert clock_[25][0] == "12:30"  # not a moment that has begun
    assert {"14:30", "15:00", "15:30"}.isdisjoint(clock_[26])
    assert {"14:00", "16:00"} <= set(clock_[26])
    assert clock_[27] == []
    assert clock_[28] == ["10:00", "10:30", "11:00"]
    moving = queries.day_openings([desk.cut], now=desk.now, first_day=THREE.date(), days=1, moving_id=booked.pk)
    assert THREE + HOUR / 2 in [opening.start for opening in moving[0].openings]


def test_upcoming_visits_of_a_client(desk, nina, vera):
    late = desk.book(nina, THREE + 2 * HOUR)
    soon = desk.book(nina)
    desk.book(vera, THREE + HOUR)
    desk.hold(nina, THREE + 4 * HOUR)
    actions.cancel(desk.book(nina, THREE - HOUR), now=desk.now)
    assert queries.upcoming([nina.pk], now=desk.now) == [soon, late]
    assert queries.upcoming([nina.pk], now=THREE) == [late]


def test_neighbour_sees_nothing_of_it(desk, nina, neighbour):
    booked = desk.book(nina)
    with neighbour.inside():
        assert not Appointment.objects.exists()
        assert queries.upcoming([nina.pk], now=desk.now) == []
        found = queries.openings([neighbour.service("Женская стрижка").pk], Wish(((THREE, THREE),)), now=desk.now)
        assert [opening.start for opening in found.openings] == [THREE]
        with pytest.raises(Appointment.DoesNotExist):
            actions.cancel(booked, now=desk.now)
    assert Appointment.objects.get().status == "booked"


# --- Visits together, and one more service ---------------------------------------------------------------------------


def parts(desk, cut_at=THREE, nails_at=THREE + HOUR):
    return [
        actions.Part((desk.cut,), desk.olga, desk.branch_id, cut_at),
        actions.Part((desk.nails,), desk.marina, desk.branch_id, nails_at),
    ]


def test_visits_are_held_booked_and_named_together(desk, nina, told):
    held = actions.hold_together(nina, None, parts(desk), now=desk.now, lead_id=5)
    assert [each.series for each in held] == [held[0].pk] * 2
    booked = actions.book_together(actions.together_with(held[1]), now=desk.now, for_whom=["", "Ирина"])
    assert [(each.staff_id, each.status, each.for_whom) for each in booked] == [
        (desk.olga, "booked", ""),
        (desk.marina, "booked", "Ирина"),
    ]
    assert told == ["held", "held", "booked", "booked"]


def test_nothing_is_held_when_one_of_the_times_is_taken(desk, nina, vera):
    desk.book_now(vera, THREE + HOUR, services=[desk.nails], staff=desk.marina)
    with pytest.raises(Taken):
        actions.hold_together(nina, None, parts(desk), now=desk.now)
    assert not nina.appointments.exists()


def test_nothing_is_booked_when_one_of_the_times_was_taken_meanwhile(desk, nina, vera):
    held = actions.hold_together(nina, None, parts(desk), now=desk.now)
    desk.wait(minutes=30)  # the holds ran out, and somebody was quicker
    desk.book_now(vera, THREE + HOUR, services=[desk.nails], staff=desk.marina)
    with pytest.raises(Taken):
        actions.book_together(actions.together_with(held[0]), now=desk.now)
    assert {each.status for each in nina.appointments.all()} <= {"hold", "expired"}


def test_giving_one_back_gives_all_back(desk, nina):
    held = actions.hold_together(nina, None, parts(desk), now=desk.now)
    actions.release(held[0], now=desk.now)
    assert {each.status for each in nina.appointments.all()} == {"expired"}


def test_one_more_service_lengthens_the_visit_and_raises_the_price(desk, nina, told):
    cut = Service.objects.get(pk=desk.cut)
    wash = Service.objects.create(
        name="Укладка", skill=cut.skill, duration_minutes=30, price_kopecks=100_000, price_to_kopecks=150_000
    )
    booked = desk.book(nina)
    assert actions.can_extend(booked, wash, now=desk.now)
    extended = actions.extend(booked, wash, now=desk.now)
    assert (extended.starts_at, extended.ends_at) == (THREE, THREE + HOUR * 1.5)
    assert extended.price_kopecks == booked.price_kopecks + 100_000
    assert extended.price_to_kopecks == booked.price_kopecks + 150_000
    assert {service.name for service in extended.services.all()} == {"Женская стрижка", "Укладка"}
    assert told[-1] == "extended"


def test_a_visit_is_not_lengthened_into_the_next_one(desk, nina, vera):
    wash = Service.objects.create(
        name="Укладка", skill=Service.objects.get(pk=desk.cut).skill, duration_minutes=30, price_kopecks=100_000
    )
    booked = desk.book(nina)
    desk.book(vera, THREE + HOUR)
    assert not actions.can_extend(booked, wash, now=desk.now)
    with pytest.raises(Taken):
        actions.extend(booked, wash, now=desk.now)
    booked.refresh_from_db()
    assert booked.ends_at == THREE + HOUR


def test_what_the_person_does_not_do_is_not_added(desk, nina):
    booked = desk.book(nina)
    assert not actions.can_extend(booked, Service.objects.get(pk=desk.nails), now=desk.now)
    with pytest.raises(Impossible):
        actions.extend(booked, Service.objects.get(pk=desk.nails), now=desk.now)


def test_price_of_a_visit_is_the_range_of_its_services(desk, nina):
    Service.objects.filter(pk=desk.cut).update(price_kopecks=170_000, price_to_kopecks=300_000)
    booked = desk.book(nina)
    assert (booked.price_kopecks, booked.price_to_kopecks) == (170_000, 300_000)
    Service.objects.filter(pk=desk.cut).update(price_kopecks=150_000, price_to_kopecks=None)
    assert desk.book(nina, THREE + 2 * HOUR).price_to_kopecks is None
