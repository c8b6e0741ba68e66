"""A shift ends or a person is out: the leads go on, and what waits is given to whoever comes."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from channels_app.models import Notice
from contacts.models import Message
from leadhub.work.models import DueWork
from routing import assignment, calls, config, leads, presence, sla, snoozing
from routing.models import Lead, Task
from tenants.business import shifts
from tenants.business.models import BusinessSettings, Shift, ShiftException, StaffMember
from tests.routing.making import make_lead


@pytest.fixture(autouse=True)
def _nobody_on_duty(salon):
    """Only Anna and Boris have shifts, and no backup: nobody is there when they are not."""
    Shift.objects.exclude(staff__name__in=["Анна", "Борис"]).delete()
    BusinessSettings.objects.update(backup_staff=None)
    config.forget_all()


@pytest.fixture
def make(salon, clock):
    numbers = iter(range(1, 1000))
    return lambda **facts: make_lead(salon, next(numbers), now=clock.now(), **facts)


@pytest.fixture
def led_by_anna(salon, clock, make):
    """A talk that Anna leads, her answer awaited."""
    lead = make()
    assignment.take(lead, by=salon.anna, now=clock.now())
    clock.settle()
    return lead


def fresh(lead: Lead) -> Lead:
    return Lead.objects.select_related("owner", "conversation").get(pk=lead.pk)


def record(lead: Lead) -> list[str]:
    return [decision.title for decision in lead.decisions.order_by("pk")]


def test_ending_a_shift_hands_everything_over_with_a_word(salon, clock, led_by_anna):
    task = calls.call_task(led_by_anna, why="просила", staff=salon.anna, now=clock.now())
    presence.finish(salon.anna, now=clock.now())
    clock.settle()

    lead = fresh(led_by_anna)
    assert (lead.owner, lead.taken_at, lead.clock) == (salon.boris, None, "take")
    assert lead.conversation.held_by is None
    task.refresh_from_db()
    assert task.staff == salon.boris
    note = lead.conversation.messages.get(author=Message.Author.NOTE).text
    assert note.startswith(
        "Анна: смена закончилась, дальше Борис.\nКлиент хочет: Маникюр, завтра.\nКлиент ждёт ответа с "
    )
    assert "«Можно завтра?»" in note
    assert "Задача: Перезвонить" in note
    assert "Назначено: Борис" in record(lead)
    assert Notice.objects.filter(staff=salon.boris, lead_id=lead.pk, kind="handover").exists()
    assert lead.assignments.filter(ended_at=None).count() == 1


def test_where_nobody_is_left_it_waits_for_the_next_shift(salon, clock, led_by_anna):
    presence.finish(salon.boris, now=clock.now())
    presence.finish(salon.anna, now=clock.now())
    clock.settle()
    lead = fresh(led_by_anna)
    assert (lead.owner, lead.taken_at, lead.clock) == (None, None, "")
    assert lead.waits_why == "Анна: смена закончилась, на смене больше никого"
    assert (lead.conversation.held_by, lead.conversation.needs_person) == (None, True)
    assert "Ждёт следующую смену" in record(lead)

    clock.tick(hours=21)  # nine in the morning
    lead = fresh(led_by_anna)
    assert lead.owner is not None
    assert (lead.waits_why, lead.waits_since) == ("", None)


def test_a_quiet_talk_goes_back_to_the_assistant(salon, clock, led_by_anna):
    """The client has the answer: nobody need be called at night."""
    Lead.objects.filter(pk=led_by_anna.pk).update(clock="", temperature="warm")
    presence.finish(salon.boris, now=clock.now())
    presence.finish(salon.anna, now=clock.now())
    clock.settle()
    lead = fresh(led_by_anna)
    assert (lead.owner, lead.waits_why, lead.conversation.needs_person) == (None, "", False)
    assert "Ведёт ассистент" in record(lead)
    assert DueWork.objects.filter(handler="reminders.follow", key=str(lead.pk)).exists()  # it writes again, if need be


def test_the_planned_end_waits_for_a_live_talk(salon, clock, led_by_anna, make):
    Shift.objects.filter(staff=salon.anna).update(end="13:00")
    config.forget_all()
    quiet = make()
    assignment.make_owner(quiet, salon.anna, reason="проверка", now=clock.now(), taken=True)
    presence.look_again(salon.anna, now=clock.now())  # as after an edit of the shift
    clock.tick(minutes=59)
    talk = led_by_anna.conversation
    talk.last_message_at = clock.now()
    talk.save(update_fields=["last_message_at"])
    Lead.objects.filter(pk=led_by_anna.pk).update(owner=salon.anna, taken_at=clock.now(), assigned_at=clock.now())
    type(talk).objects.filter(pk=talk.pk).update(held_by=salon.anna, needs_person=False)
    clock.tick(minutes=2)
    assert fresh(quiet).owner != salon.anna
    assert fresh(led_by_anna).owner == salon.anna
    clock.tick(minutes=9)
    assert fresh(led_by_anna).owner == salon.boris


def test_an_edited_shift_moves_its_end(salon, clock, led_by_anna):
    shift = Shift.objects.get(staff=salon.anna, offset_day=2)
    shift.end = "12:00"
    shift.start = "09:00"
    shift.save()
    config.forget_all()
    clock.tick(seconds=6)
    assert fresh(led_by_anna).owner == salon.boris


def test_a_day_off_that_is_entered_during_the_shift(salon, clock, led_by_anna):
    presence.begin(salon.anna, now=clock.now())
    ShiftException.objects.create(staff=salon.anna, date=clock.now().date(), note="заболела")
    config.forget_all()
    clock.settle()
    lead = fresh(led_by_anna)
    assert lead.owner == salon.boris
    assert "Анна: смена закончилась (заболела)" in lead.conversation.messages.get(author="note").text
    assert salon.anna.presence_log[-1]["why"] == "заболела"


def test_out_for_a_moment_only_what_was_not_taken_goes_on(salon, clock, led_by_anna, make):
    offered = make()
    assignment.make_owner(offered, salon.anna, reason="проверка", now=clock.now())
    clock.tick(seconds=1)
    Lead.objects.filter(pk=led_by_anna.pk).update(clock="")
    presence.step_out(salon.anna, now=clock.now())
    clock.settle()
    assert fresh(offered).owner == salon.boris
    assert fresh(led_by_anna).owner == salon.anna
    clock.tick(minutes=29)
    assert fresh(led_by_anna).owner == salon.anna
    clock.tick(minutes=2)
    assert fresh(led_by_anna).owner == salon.boris


def test_who_comes_back_in_time_keeps_the_talks(salon, clock, led_by_anna):
    Lead.objects.filter(pk=led_by_anna.pk).update(clock="")
    clock.tick(seconds=1)
    presence.step_out(salon.anna, now=clock.now())
    clock.tick(minutes=10)
    presence.begin(salon.anna, now=clock.now())
    clock.tick(minutes=40)
    assert fresh(led_by_anna).owner == salon.anna


def test_three_unanswered_in_a_row_and_the_person_is_out(salon, clock, make):
    presence.finish(salon.boris, now=clock.now())
    for _ in range(3):
        lead = make()
        assignment.give(lead, stage="first_contact", now=clock.now(), why="Горячая заявка")
        from routing import sla

        sla.start_take(lead, now=clock.now())
        assert lead.owner == salon.anna
        clock.tick(seconds=61)
    assert (salon.anna.presence, salon.anna.is_away) == ("silent", True)
    told = Notice.objects.filter(kind="silent")
    assert "пока не нажмёте «Я на месте»" in told.get(staff=salon.anna).text
    assert told.get(staff=salon.svetlana).text.startswith("Анна не отвечает")
    assert {one.owner for one in Lead.objects.all()} == {None}
    assert all(one.waits_why for one in Lead.objects.all())

    presence.begin(salon.anna, now=clock.now())  # one click
    clock.settle()
    assert {one.owner for one in Lead.objects.all()} == {salon.anna}


def test_a_taken_lead_ends_the_row(salon, clock, make):
    for number in range(4):
        lead = make()
        presence.note_missed(salon.anna, lead_id=lead.pk, now=clock.now())
        if number == 1:
            assignment.take(lead, by=salon.anna, now=clock.now())
    assert salon.anna.missed_in_a_row == 2
    assert not salon.anna.is_away


def test_the_backlog_is_shared_hottest_first_up_to_the_caps(salon, clock, make):
    StaffMember.objects.update(load_cap=2)
    presence.finish(salon.anna, now=clock.now())
    presence.finish(salon.boris, now=clock.now())
    heat = ["cold", "hot", "warm", "hot", "cold"]
    made = []
    for minute, temperature in enumerate(heat):
        lead = make(temperature=temperature)
        assert not assignment.give(lead, stage="first_contact", now=clock.now() + timedelta(minutes=minute), why="Ждёт")
        lead.save()
        made.append(lead)
    clock.tick(minutes=10)
    presence.begin(salon.anna, now=clock.now())
    presence.begin(salon.boris, now=clock.now())
    clock.settle()
    owners = [fresh(lead).owner for lead in made]
    assert [bool(owner) for owner in owners] == [True, True, True, True, False]  # the cold one that came last
    assert owners.count(salon.anna) == owners.count(salon.boris) == 2
    assert {owners[1], owners[3]} == {salon.anna, salon.boris}
    assert fresh(made[4]).waits_why

    leads.close(fresh(made[1]), status="refused", by=None, why="передумала", now=clock.now())
    clock.settle()
    assert fresh(made[4]).owner == owners[1]  # a place was freed


def test_a_lead_called_for_keeps_its_term_and_its_task_gets_a_person(salon, clock, make):
    presence.finish(salon.anna, now=clock.now())
    presence.finish(salon.boris, now=clock.now())
    lead = make()
    assert not assignment.give(lead, stage="first_contact", now=clock.now(), why="Горячая заявка")
    task = calls.needs_call(lead, why="передать некому", now=clock.now())
    due = task.due_at
    presence.begin(salon.boris, now=clock.now())
    clock.settle()
    lead, task = fresh(lead), Task.objects.get()
    assert (lead.owner, lead.status, lead.clock) == (salon.boris, "needs_call", "call")
    assert (task.staff, task.due_at) == (salon.boris, due)


def test_what_the_backup_did_not_take_at_night_is_the_mornings(salon, clock, make):
    BusinessSettings.objects.update(backup_staff=salon.marina)  # has no shifts
    config.forget_all()
    clock.tick(hours=12)
    lead = make(temperature="warm")
    assert assignment.give(lead, stage="first_contact", now=clock.now(), why="Ночью") == salon.marina
    clock.tick(hours=8)
    assert fresh(lead).owner == salon.marina
    clock.tick(hours=2)
    assert fresh(lead).owner in (salon.anna, salon.boris)


def test_who_left_the_staff_leaves_the_leads(salon, clock, led_by_anna):
    anna = salon.anna
    anna.is_active = False
    anna.save()
    clock.tick(seconds=6)
    assert fresh(led_by_anna).owner == salon.boris
    assert "больше не работает" in fresh(led_by_anna).conversation.messages.get(author="note").text


def test_the_neighbours_shift_moves_nothing_here(salon, neighbour, clock, led_by_anna):
    with neighbour.inside():
        config.forget_all()
        presence.finish(neighbour.anna, now=clock.now())
    clock.settle()
    with salon.inside():
        assert fresh(led_by_anna).owner == salon.anna
        assert not salon.anna.is_away


def test_a_client_who_asks_for_a_person_is_not_left_with_who_went_home(salon, clock):
    asks = "Позовите, пожалуйста, администратора, хочу поговорить с человеком"
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    assignment.take(lead, by=salon.anna, now=clock.now())
    assignment.hand_back(fresh(lead), by=salon.anna, now=clock.now())
    lead = salon.receives("telegram", asks)
    assert (lead.owner, lead.taken_at, lead.clock) == (salon.anna, None, "take")  # she is there: her clock runs
    assignment.take(lead, by=salon.anna, now=clock.now())
    assignment.hand_back(fresh(lead), by=salon.anna, now=clock.now())
    StaffMember.objects.filter(name="Анна").update(is_away=True)
    lead = salon.receives("telegram", asks)
    assert (lead.owner, lead.clock) == (salon.boris, "take")
    StaffMember.objects.filter(name="Борис").update(is_away=True)
    lead = salon.receives("telegram", asks)
    assert (lead.owner, lead.status) == (None, Lead.Status.NEEDS_CALL)
    assert lead.waits_why


def test_who_is_not_there_has_missed_nothing(salon, clock, make):
    presence.finish(salon.anna, now=clock.now())
    presence.note_missed(salon.anna, lead_id=make().pk, now=clock.now())
    assert salon.anna.missed_in_a_row == 0


def test_a_month_of_shifts_is_one_piece_of_work(salon, clock, led_by_anna, django_assert_max_num_queries):
    days = [clock.now().date() + timedelta(days=n) for n in range(1, 31)]
    with django_assert_max_num_queries(5 * len(days)):  # the row in its savepoint, is any lead open, what is owed
        for day in days:
            ShiftException.objects.create(staff=salon.anna, date=day, start=time(12), end=time(18))
    assert [work.ids for work in DueWork.objects.filter(handler="routing.rota")] == [[salon.anna.pk]]


def test_shifts_that_are_filled_in_count_like_shifts_that_are_edited(salon, clock, led_by_anna):
    hours = time(9), time(12)
    shifts.fill(salon.anna, shifts.weekly(range(7)), branch=salon.branch, hours=hours)
    config.forget_all()
    clock.tick(seconds=6)
    assert fresh(led_by_anna).owner == salon.boris


def test_what_a_person_put_aside_stays_theirs_until_they_are_reminded(salon, clock, led_by_anna):
    until = snoozing.put_off(led_by_anna, "morning", by=salon.anna, now=clock.now())
    assert until.astimezone(salon.branch.zone).hour == 9
    lead = fresh(led_by_anna)
    assert (lead.clock, lead.clock_due_at) == ("later", until)
    sla.person_answered(lead, now=clock.now())  # a word to the client changes nothing of it
    assert fresh(lead).clock == "later"
    clock.tick(hours=20, minutes=59)
    lead = fresh(lead)
    assert (lead.owner, lead.conversation.held_by, lead.breaches) == (salon.anna, salon.anna, 0)
    clock.tick(minutes=2)
    lead = fresh(lead)
    assert (lead.owner, lead.clock) == (salon.anna, "")
    assert Notice.objects.filter(staff=salon.anna, lead_id=lead.pk, text__startswith="Пора вернуться").exists()


def test_a_client_who_writes_at_night_is_not_left_to_who_put_the_lead_aside(salon, clock):
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    assignment.take(lead, by=salon.anna, now=clock.now())
    snoozing.put_off(lead, "morning", by=salon.anna, now=clock.now())
    clock.tick(hours=11)
    salon.receives("telegram", "Вы ещё работаете?")
    clock.tick(seconds=5)
    lead = fresh(lead)
    assert (lead.owner, lead.conversation.held_by) == (None, None)
    assert lead.waits_why
