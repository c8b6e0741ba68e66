"""Clocks of people and of the assistant: whose they are, when they ring, stand still and move, and what follows."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection

from channels_app.models import Delivery, Notice
from channels_app.signals import delivery_changed
from leadhub.work.models import DueWork
from routing import assignment, calls, clocks, config, presence, rulesets, sla
from routing.models import Lead, SlaPolicy
from routing.policies import USUAL, LeadFacts, policy_for
from tenants.business.models import BusinessSettings, DateException, OpeningHours, Service, Shift, StaffMember
from tests.world import MONDAY

HOT = "Здравствуйте! Хочу записаться на окрашивание к Ольге завтра после 15"
PRICE = "Сколько стоит маникюр?"
MINUTE = timedelta(minutes=1)


def notices(person, kind=None):
    told = Notice.objects.filter(staff=person).order_by("id")
    return list((told.filter(kind=kind) if kind else told).values_list("text", flat=True))


def titles(lead, kind):
    return list(lead.decisions.filter(kind=kind).order_by("id").values_list("title", flat=True))


def set_terms(pk=1, **terms):
    """Edit a policy as its form does; what processes keep for some seconds is read anew."""
    policy, _ = SlaPolicy.objects.get_or_create(pk=pk)
    for name, value in terms.items():
        setattr(policy, name, value)
    policy.save()
    config.forget_all()
    return policy


@pytest.fixture
def publish(salon, clock):
    def do(text):
        rulesets.save_draft(text, by="Виктор", now=clock.now())
        rulesets.publish(by="Виктор", now=clock.now())
        config.forget_all()

    return do


@pytest.fixture
def accepted(monkeypatch):
    """The messenger takes every answer as soon as it is written."""
    from channels_app import outbound

    queue = outbound.queue

    def do(*args, now, **more):
        delivery = queue(*args, now=now, **more)
        accept(delivery, now=now)
        return delivery

    monkeypatch.setattr("routing.pipeline.outbound.queue", do)


def accept(delivery, *, now):
    """The provider took a text."""
    DueWork.objects.filter(handler="channels_app.deliver", key=str(delivery.pk)).delete()
    delivery.status, delivery.sent_at = Delivery.Status.SENT, now
    delivery.save()
    delivery_changed.send(Delivery, delivery=delivery, now=now)


# --- Whose terms hold ------------------------------------------------------------------------------------------------

LEAD = LeadFacts("hot", 7, "Волосы", "telegram", "booking")


def test_without_policies_the_products_own_terms_hold():
    terms = policy_for(LEAD, [])
    assert [terms.seconds(name) for name in ("answer", "take", "person", "confirm", "silence", "card")] == [
        3,
        60,
        180,
        900,
        1800,
        1800,
    ]
    assert policy_for(LeadFacts("warm", None, "", "vk", "booking"), []).seconds("confirm") == 3600
    assert terms.source("take") == USUAL


def test_the_most_specific_policy_wins_and_leaves_what_it_does_not_set():
    usual = SlaPolicy(pk=1, hot_take_seconds=80, person_answer_seconds=200)
    hair = SlaPolicy(pk=2, name="Волосы", category="Волосы", hot_take_seconds=70, silence_minutes=20)
    colour = SlaPolicy(pk=3, name="Окрашивание", service_id=7, hot_take_seconds=50)
    vk = SlaPolicy(pk=4, name="ВКонтакте", channel="vk", hot_take_seconds=1)
    terms = policy_for(LEAD, [vk, colour, usual, hair])
    assert (terms.seconds("take"), terms.source("take")) == (50, "Окрашивание")
    assert (terms.seconds("silence"), terms.source("silence")) == (1200, "Волосы")
    assert (terms.seconds("person"), terms.source("person")) == (200, USUAL)
    both = SlaPolicy(pk=5, name="Горячие", temperature="hot", stage="booking", hot_take_seconds=90)
    assert policy_for(LEAD, [vk, colour, usual, hair, both]).seconds("take") == 90


def test_of_equal_policies_the_first_by_position_wins():
    first = SlaPolicy(pk=3, name="Первая", temperature="hot", position=1, hot_take_seconds=10)
    second = SlaPolicy(pk=2, name="Вторая", channel="telegram", position=2, hot_take_seconds=20)
    assert policy_for(LEAD, [second, first]).source("take") == "Первая"


def test_a_term_of_nothing_is_a_term_and_no_gap():
    assert policy_for(LEAD, [SlaPolicy(pk=1, warn_percent=0, max_hops=0)])["warn_percent"] == 0


# --- The arithmetic of one clock -------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 25, 7, tzinfo=UTC)


def test_another_allowance_counts_from_the_start_and_from_what_was_used():
    clock = clocks.begun(600, None, at=NOON)
    assert clocks.rehung(clock, 900, None).due_at == NOON + 15 * MINUTE
    still = clocks.paused(clock, None, now=NOON + 4 * MINUTE)
    going = clocks.resumed(clocks.rehung(still, 300, None), None, now=NOON + 60 * MINUTE)
    assert going.due_at == NOON + 61 * MINUTE


def test_a_lead_that_becomes_urgent_has_the_new_allowance_from_then_on():
    clock = clocks.begun(3600, None, at=NOON)
    assert clocks.hurried(clock, 900, None, now=NOON + 30 * MINUTE).due_at == NOON + 45 * MINUTE
    assert clocks.hurried(clock, 900, None, now=NOON + 55 * MINUTE).due_at == NOON + 60 * MINUTE


def test_a_warning_comes_when_its_share_is_used_up_and_once():
    clock = clocks.begun(600, None, at=NOON)
    assert clocks.warning_at(clock, 80, None) == NOON + 8 * MINUTE
    assert clocks.warning_at(clock, 0, None) is None
    late = clocks.resumed(clocks.paused(clock, None, now=NOON + 9 * MINUTE), None, now=NOON + 20 * MINUTE)
    assert clocks.warning_at(late, 80, None) is None  # its time passed before the pause
    assert clocks.Clock.from_json(clock.to_json()) == clock


# --- Policies in the path of a lead ----------------------------------------------------------------------------------


def test_an_exception_gives_the_clock_and_stands_in_the_record(salon, neighbour, clock):
    SlaPolicy.objects.create(name="Telegram: спешим", channel="telegram", hot_take_seconds=30)
    lead = salon.receives("telegram", HOT)
    assert lead.clock_due_at == clock.now() + timedelta(seconds=30)
    line = lead.decisions.get(kind="clock", title__startswith="Взять").details
    assert {"name": "Сроки", "value": "Telegram: спешим"} in line
    slow = salon.receives("webchat", HOT, client=77)
    assert slow.clock_due_at == clock.now() + timedelta(seconds=60)
    with neighbour.inside():
        theirs = neighbour.receives("telegram", HOT)
        assert theirs.clock_due_at == clock.now() + timedelta(seconds=60)
        assert not SlaPolicy.objects.exists()


def test_exceptions_get_numbers_beside_the_usual_terms(salon):
    SlaPolicy.objects.get_or_create(pk=1)
    first, second = SlaPolicy.objects.create(name="а"), SlaPolicy.objects.create(name="б")
    assert (first.pk, second.pk) == (2, 3)


def test_a_lead_that_becomes_hot_is_booked_within_the_hot_term(salon, clock, accepted):
    lead = salon.receives("telegram", PRICE)
    assert (lead.temperature, sla.running(lead, "confirm").total) == ("warm", 3600)
    clock.tick(minutes=10)
    lead = salon.receives("telegram", HOT)
    confirm = sla.running(lead, "confirm")
    assert (lead.temperature, confirm.total, confirm.due_at) == ("hot", 900, clock.now() + 15 * MINUTE)


# --- Warned, then acted ----------------------------------------------------------------------------------------------


def test_who_has_the_lead_is_warned_before_it_goes_on(salon, clock, accepted):
    lead = salon.receives("telegram", HOT)
    first = lead.owner
    clock.tick(seconds=44)
    assert notices(first, "warning") == []
    clock.tick(seconds=2)
    [warning] = notices(first, "warning")
    assert "осталось 15 с" in warning
    assert salon.lead().owner == first
    clock.tick(seconds=15)
    assert salon.lead().owner != first
    assert len(notices(first, "warning")) == 1


def test_no_warning_where_the_policy_wants_none(salon, clock, accepted):
    set_terms(warn_percent=0)
    lead = salon.receives("telegram", HOT)
    clock.tick(seconds=59)
    assert notices(lead.owner, "warning") == []


@pytest.mark.parametrize(("action", "owner"), [("senior", "Светлана"), ("backup", "Светлана"), ("next", None)])
def test_the_policy_says_who_gets_a_lead_that_nobody_took(salon, clock, accepted, action, owner):
    set_terms(take_action=action)
    first = salon.receives("telegram", HOT).owner
    clock.tick(seconds=61)
    lead = salon.lead()
    other = salon.boris if first == salon.anna else salon.anna
    assert lead.owner == (salon.person(owner) if owner else other)
    assert (lead.clock, lead.clock_due_at) == ("take", clock.now() + timedelta(seconds=59))


@pytest.mark.parametrize(("action", "name"), [("senior", "Светлана"), ("backup", "Марина")])
def test_a_late_lead_goes_to_nobody_who_is_full_or_gone(salon, clock, accepted, action, name):
    BusinessSettings.objects.update(backup_staff=salon.marina)
    set_terms(take_action=action)
    full = salon.person(name)
    full.load_cap = 0
    full.save()
    first = salon.receives("telegram", HOT).owner
    clock.tick(seconds=61)
    assert salon.lead().owner == first
    assert notices(first, "reassigned") == []
    full.load_cap = 4
    full.save()
    presence.finish(full, now=clock.now())
    other = salon.receives("telegram", HOT, client=77).owner
    clock.tick(seconds=61)
    assert salon.lead(77).owner == other
    assert any(text.startswith("Клиент ждёт, заявку не взяли") for text in notices(salon.svetlana))


def test_a_call_or_a_word_instead_of_handing_on(salon, clock, accepted):
    set_terms(take_action="call", confirm_action="notice")
    first = salon.receives("telegram", HOT).owner
    clock.tick(seconds=61)
    lead = salon.lead()
    assert (lead.owner, lead.status, lead.tasks.count()) == (first, Lead.Status.NEEDS_CALL, 1)
    assert notices(first, "reassigned") == ["Заявка не взята за 60 с, нужно перезвонить клиенту"]
    clock.tick(minutes=15)
    assert "Срок вышел: довести до записи" in notices(first, "breach")
    assert any("не доведена" in text for text in notices(salon.svetlana))  # A of the stage hears of every breach


def test_what_cannot_be_done_is_told_to_the_accountable(salon, clock, accepted):
    set_terms(take_action="backup")
    BusinessSettings.objects.update(backup_staff=None)
    first = salon.receives("telegram", HOT).owner
    clock.tick(seconds=61)
    assert salon.lead().owner == first
    assert any(text.startswith("Клиент ждёт, заявку не взяли") for text in notices(salon.svetlana))


def test_urgent_stays_urgent_with_whoever_has_it_next(salon, clock, accepted):
    lead = salon.receives("telegram", HOT)
    Notice.objects.filter(lead_id=lead.pk).update(kind="urgent")
    clock.tick(seconds=61)
    assert notices(salon.lead().owner, "urgent")


def test_who_lost_a_lead_by_a_rule_is_told_first(salon, clock, accepted, publish):
    publish("RULE ON timer_due: IF temperature = hot THEN reassign_to = senior")
    first = salon.receives("telegram", HOT).owner
    clock.tick(seconds=61)
    assert salon.lead().owner == salon.svetlana
    assert any("не взята за 60 с" in text for text in notices(first, "reassigned"))


def test_a_rule_that_moves_an_unbooked_lead_lets_its_conversation_go(salon, clock, accepted, publish):
    publish("RULE ON timer_due: IF score > 0 THEN reassign_to = senior")
    lead = salon.receives("telegram", HOT)
    assignment.take(lead, by=salon.anna, now=clock.now())
    Lead.objects.filter(pk=lead.pk).update(first_person_answer_at=clock.now())
    lead.refresh_from_db()
    sla.person_answered(lead, now=clock.now())
    clock.tick(minutes=15, seconds=30)
    lead = salon.lead()
    assert (lead.owner, lead.conversation.held_by, lead.conversation.needs_person) == (salon.svetlana, None, True)


def test_a_rule_that_quarantines_a_late_lead_ends_it(salon, clock, accepted, publish):
    publish("RULE ON timer_due: IF score > 0 THEN quarantine")
    salon.receives("telegram", HOT)
    clock.tick(minutes=20)
    lead = salon.lead()
    assert (lead.status, lead.owner) == (Lead.Status.QUARANTINE, None)
    assert not DueWork.objects.filter(handler__endswith="_clock").exists()


# --- In whose time ---------------------------------------------------------------------------------------------------


def test_a_persons_clock_waits_for_the_end_of_lunch(salon, clock, accepted):
    Shift.objects.update(break_start=time(12, 1), break_end=time(13))
    set_terms(hot_take_seconds=120)
    lead = salon.receives("telegram", HOT)  # at noon
    assert lead.clock_due_at.astimezone(salon.branch.zone).time() == time(13, 1)
    clock.tick(minutes=60)
    assert salon.lead().owner == lead.owner
    clock.tick(minutes=2)
    assert salon.lead().owner != lead.owner


def test_at_night_the_duty_manager_has_it_and_the_clock_runs(salon, clock, accepted):
    duty = StaffMember.objects.create(name="Дежурный", role="manager", branch=salon.branch)
    for start, end in ((time(0), time(9)), (time(21), time(23, 59))):
        Shift.objects.create(
            staff=duty, branch=salon.branch, anchor_date=MONDAY, cycle_days=1, offset_day=0, start=start, end=end
        )
    config.forget_all()
    clock.tick(hours=11, minutes=59, seconds=30)  # half a minute to midnight: the clock runs over it
    lead = salon.receives("telegram", HOT)
    assert lead.first_answer_at == clock.now()
    assert lead.owner == duty
    assert lead.clock_due_at == clock.now() + MINUTE


# --- Standing still --------------------------------------------------------------------------------------------------


def test_a_call_agreed_for_the_evening_stops_the_clocks_until_then(salon, clock, accepted):
    lead = salon.receives("telegram", PRICE)
    assignment.take(lead, by=salon.anna, now=clock.now())
    clock.tick(minutes=1)
    lead = salon.lead()
    evening = clock.now() + timedelta(hours=6)
    calls.call_task(lead, why="клиент просил в 18:00", at=evening, now=clock.now())
    assert salon.lead().clock == "later"
    clock.tick(hours=5, minutes=59)
    assert salon.lead().breaches == 0
    clock.tick(minutes=2)
    lead = salon.lead()
    assert any("Пора вернуться к клиенту" in text for text in notices(salon.anna))
    assert (lead.clock, lead.clock_due_at) == ("answer", evening + 2 * MINUTE)  # one of three was used
    assert sla.running(lead, "confirm").due_at == evening + 59 * MINUTE
    clock.tick(minutes=1, seconds=30)
    assert salon.lead().breaches == 1


def test_a_call_that_is_put_to_another_time_is_shown_by_it(salon, clock, accepted):
    lead = salon.receives("telegram", HOT)
    calls.needs_call(lead, why="передать некому", now=clock.now())
    evening = clock.now() + timedelta(hours=6)
    calls.call_task(lead, why="клиент просил в 18:00", at=evening, now=clock.now())
    lead = salon.lead()
    assert (lead.clock, lead.clock_due_at, lead.tasks.get().due_at) == ("call", evening, evening)


def test_the_client_who_writes_first_starts_them_again(salon, clock, accepted):
    lead = salon.receives("telegram", PRICE)
    calls.call_task(lead, why="клиент просил", at=clock.now() + timedelta(hours=3), now=clock.now())
    assert sla.running(salon.lead(), "confirm").stands_still
    clock.tick(minutes=30)
    lead = salon.receives("telegram", "А педикюр?")
    assert sla.running(lead, "confirm").due_at == clock.now() + 60 * MINUTE
    assert not DueWork.objects.filter(handler="routing.resume_clocks").exists()


def test_where_the_policy_lets_them_run_they_run(salon, clock, accepted):
    set_terms(pause_agreed="no")
    lead = salon.receives("telegram", PRICE)
    calls.call_task(lead, why="клиент просил", at=clock.now() + timedelta(hours=3), now=clock.now())
    clock.tick(minutes=61)
    assert salon.lead().breaches == 1


def test_waiting_for_the_client_is_no_delay_of_ours(salon, clock, accepted):
    set_terms(pause_waiting="yes")
    lead = salon.receives("telegram", PRICE)
    assert sla.running(lead, "confirm").stands_still
    clock.tick(hours=5)
    assert salon.lead().breaches == 0


# --- Moved while they run --------------------------------------------------------------------------------------------


def test_an_edited_policy_moves_running_clocks(salon, clock, accepted):
    first = salon.receives("telegram", HOT).owner
    set_terms(hot_take_seconds=300)
    clock.tick(seconds=61)
    lead = salon.lead()
    assert (lead.owner, lead.breaches) == (first, 0)  # nothing at the old time
    assert lead.clock_due_at == lead.assigned_at + 5 * MINUTE
    set_terms(hot_take_seconds=90)
    clock.tick(seconds=28)
    assert salon.lead().owner == first
    clock.tick(seconds=2)
    lead = salon.lead()
    assert lead.owner != first  # and at the new one
    assert lead.breaches == 1
    clock.tick(minutes=3)
    assert len(titles(salon.lead(), "breach")) == len({*titles(salon.lead(), "breach")}) == salon.lead().breaches


def test_a_day_off_that_is_entered_moves_what_is_due_on_it(salon, clock, accepted):
    salon.receives("telegram", PRICE)
    clock.tick(minutes=20)
    DateException.objects.create(branch=salon.branch, date=date(2026, 11, 25), start=time(9), end=time(12, 30))
    config.forget_all()
    clock.tick(minutes=5)
    lead = salon.lead()
    assert sla.running(lead, "confirm").due_at.astimezone(salon.branch.zone) == datetime(
        2026, 11, 26, 9, 30, tzinfo=salon.branch.zone
    )
    clock.tick(hours=2)
    assert salon.lead().breaches == 0


def test_longer_hours_make_the_clock_ring_earlier_even_over_pages(salon, clock, accepted, monkeypatch):
    monkeypatch.setattr("routing.rearming.PAGE", 2)
    OpeningHours.objects.update(start=time(14))
    config.forget_all()
    for client in range(5):
        salon.receives("telegram", PRICE, client=900 + client)
    hours = OpeningHours.objects.filter(weekday=2).get()
    hours.start = time(9)
    hours.save()
    config.forget_all()
    clock.tick(seconds=10)
    due = {lead.clock_due_at for lead in Lead.objects.all()}
    assert due == {clock.now() - timedelta(seconds=10) + 60 * MINUTE}
    clock.tick(minutes=61)
    assert set(Lead.objects.values_list("breaches", flat=True)) == {1}
    assert not DueWork.objects.filter(handler__startswith="routing.rearm").exists()


# --- The assistant is late -------------------------------------------------------------------------------------------


def answer_of(lead):
    return Delivery.objects.filter(conversation=lead.conversation, by_assistant=True).latest("pk")


def test_an_answer_on_its_way_is_waited_for_before_people_are_called(salon, clock):
    lead = salon.receives("telegram", PRICE)  # written, and the messenger is down
    clock.tick(seconds=4)
    lead = salon.lead()
    assert (lead.owner, lead.breaches) == (None, 1)
    clock.tick(seconds=60)
    lead = salon.lead()
    first = lead.owner
    assert first in (salon.anna, salon.boris)
    assert "В очереди к людям" in titles(lead, "routed")
    accept(answer_of(lead), now=clock.now())
    clock.settle()
    lead = salon.lead()
    assert (lead.owner, lead.status, lead.clock) == (None, Lead.Status.OPEN, "confirm")
    assert any("брать не нужно" in text for text in notices(first))
    assert not DueWork.objects.filter(handler="routing.take_clock").exists()


def test_an_answer_that_comes_in_the_meantime_calls_nobody(salon, clock):
    lead = salon.receives("telegram", PRICE)
    clock.tick(seconds=20)
    accept(answer_of(lead), now=clock.now())
    clock.tick(minutes=5)
    assert salon.lead().owner is None
    assert not Notice.objects.exclude(kind="informed").exists()


def test_a_lead_that_became_a_call_for_want_of_an_answer_is_no_call_any_more(salon, clock):
    lead = salon.receives("telegram", PRICE)
    clock.tick(minutes=6)
    lead = salon.lead()
    assert lead.status == Lead.Status.NEEDS_CALL
    accept(answer_of(lead), now=clock.now())
    clock.settle()
    lead = salon.lead()
    assert (lead.status, lead.owner, lead.tasks.filter(done_at=None).count()) == (Lead.Status.OPEN, None, 0)


def test_a_late_answer_takes_a_lead_out_of_the_queue_too(salon, clock):
    BusinessSettings.objects.update(backup_staff=None)
    StaffMember.objects.update(load_cap=0)
    set_terms(late_answer_seconds=0)
    lead = salon.receives("telegram", PRICE)
    clock.tick(seconds=4)
    assert salon.lead().waits_since
    accept(answer_of(lead), now=clock.now())
    clock.settle()
    assert (salon.lead().waits_why, salon.lead().waits_since) == ("", None)


def test_who_took_it_and_a_hot_one_stay_with_their_people(salon, clock):
    warm = salon.receives("telegram", PRICE)
    hot = salon.receives("telegram", HOT, client=502)
    clock.tick(seconds=64)
    warm = salon.lead()
    assignment.take(warm, by=warm.owner, now=clock.now())
    for lead in (warm, hot):
        accept(answer_of(lead), now=clock.now())
    clock.settle()
    assert salon.lead().owner == warm.owner
    assert salon.lead(502).owner is not None


def test_after_an_outage_people_get_what_they_have_room_for_the_hottest_first(salon, clock):
    StaffMember.objects.update(load_cap=0)
    StaffMember.objects.filter(name="Анна").update(load_cap=1)
    for client, text in ((601, "Здравствуйте, подскажите"), (602, PRICE), (603, "Здравствуйте, подскажите")):
        salon.receives("telegram", text, client=client)
    clock.tick(seconds=64)
    leads = {client: salon.lead(client) for client in (601, 602, 603)}
    assert leads[602].score > leads[601].score
    assert [lead.owner and lead.owner.name for lead in leads.values()] == [None, "Анна", None]
    assert all("В очереди к людям" in titles(lead, "routed") for lead in leads.values())
    assert Lead.objects.filter(status=Lead.Status.NEEDS_CALL).count() == 0
    boris = salon.boris
    boris.load_cap = 2
    boris.save()
    clock.tick(seconds=6)
    assert all(salon.lead(client).owner for client in (601, 603))


def test_an_assistant_that_is_off_is_waited_for_no_longer_than_its_term(salon, clock):
    BusinessSettings.objects.update(assistant_enabled=False)
    salon.receives("telegram", PRICE)
    clock.tick(seconds=4)
    lead = salon.lead()
    assert lead.owner in (salon.anna, salon.boris)
    assert lead.clock == "take"


# --- Due work --------------------------------------------------------------------------------------------------------


def test_the_dispatchers_look_is_an_index_scan_whatever_is_pending(salon, clock):
    from leadhub.work.dispatch import DUE

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.due_work (schema, handler, key, due_at)"
            " SELECT 't_' || n %% 1000, 'routing.take_clock', n::text, %s + n * interval '1 second'"
            " FROM generate_series(1, 5000) n",
            [clock.now() + timedelta(hours=1)],
        )
        cursor.execute("ANALYZE public.due_work")
        cursor.execute("EXPLAIN " + DUE, {"now": clock.now(), "resend": clock.now(), "deep": ["http"], "batch": 500})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Scan using due_work_due" in plan
    assert "Seq Scan on due_work" not in plan


def test_a_service_that_is_gone_takes_its_exception_along(salon):
    service = Service.objects.get(name="Педикюр")
    SlaPolicy.objects.create(name="Педикюр", service=service, hot_take_seconds=30)
    service.delete()
    assert not SlaPolicy.objects.filter(name="Педикюр").exists()
