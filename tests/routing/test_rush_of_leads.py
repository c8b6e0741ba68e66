"""Thirty-two at once: leads given, taken, handed over, drained, while people come and go. One owner, caps kept."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, Event

import pytest
from django.db import connection, connections, transaction
from django.db.models import Count

from contacts.models import Conversation
from leadhub.work.models import DueWork
from routing import assignment, config, leads, presence, sla
from routing.models import Assignment, Lead
from tenants.business.models import BusinessSettings, StaffMember
from tests.booking.test_rush import deadlocks
from tests.routing.making import make_lead

WORKERS, LEADS, STEPS = 32, 40, 6
BY_HAND = "взял сам"


def live_a_day(salon, number: int, lead_ids: list[int], staff: list[StaffMember]) -> None:
    """Random work of one worker, each act in a transaction of its own."""
    chance, now = random.Random(number), salon.clock.now()
    for _ in range(STEPS):
        person = StaffMember.objects.get(pk=chance.choice(staff).pk)
        match chance.randrange(8):
            case 0 | 1 | 2:
                give(chance.choice(lead_ids), now)
            case 3:
                with suppress(assignment.AlreadyTaken):
                    assignment.take(Lead.objects.get(pk=chance.choice(lead_ids)), by=person, now=now)
            case 4:
                lead = Lead.objects.get(pk=chance.choice(lead_ids))
                leads.close(lead, status="refused", by=None, why="проверка", now=now)
            case 5:
                presence.finish(person, now=now)
            case 6:
                presence.step_out(person, now=now)
            case 7:
                presence.begin(person, now=now)
        work(salon, chance)


def give(lead_id: int, now) -> None:
    """As the path of a message does it: under the lock of the conversation; to another one where it has an owner."""
    with transaction.atomic():
        found = Lead.objects.get(pk=lead_id)
        Conversation.objects.select_for_update().get(pk=found.conversation_id)
        lead = Lead.objects.get(pk=lead_id)
        if not lead.is_open or lead.taken_at:
            return
        exclude = [lead.owner_id] if lead.owner_id else []
        given = assignment.give(lead, stage="first_contact", now=now, why="Проверка", exclude=exclude)
        if given:
            load = Lead.objects.filter(owner=given, status__in=["open", "needs_call"]).count()
            assert load <= given.load_cap, given.name
            sla.start_take(lead, now=now)


def work(salon, chance: random.Random) -> None:
    """What is owed and due, as the workers do it, in no order."""
    from leadhub.work.running import run_row

    due = DueWork.objects.filter(schema=salon.tenant.schema_name, due_at__lte=salon.clock.now(), failed_at=None)
    rows = list(due.values_list("pk", flat=True)[:6])
    chance.shuffle(rows)
    for row in rows[:3]:
        run_row(row)


def over_the_cap() -> list[tuple[str, int]]:
    """People who have been given more than they can take; what they took by their own hand does not count."""
    given = Assignment.objects.filter(ended_at=None, lead__status__in=["open", "needs_call"]).exclude(reason=BY_HAND)
    loads = given.values("staff__name", "staff__load_cap").annotate(load=Count("pk")).order_by()
    return [(each["staff__name"], each["load"]) for each in loads if each["load"] > each["staff__load_cap"]]


@pytest.fixture
def rush(committed_salon):
    salon = committed_salon
    StaffMember.objects.update(load_cap=4)
    BusinessSettings.objects.update(silent_after=0)
    config.forget_all()
    now = salon.clock.now()
    return salon, [make_lead(salon, number, now=now, stage="first_contact").pk for number in range(LEADS)]


def test_one_owner_each_and_no_cap_exceeded_at_any_moment(rush):
    salon, lead_ids = rush
    staff = list(StaffMember.objects.filter(role__in=["receptionist", "senior", "owner"]))
    gate, is_over, seen = Barrier(WORKERS), Event(), []

    def run(number: int) -> None:
        try:
            with salon.inside():
                connection.ensure_connection()
                gate.wait(timeout=30)
                live_a_day(salon, number, lead_ids, staff)
        finally:
            connections.close_all()

    def look_on() -> None:
        try:
            with salon.inside():
                while not is_over.wait(0.02):
                    seen.extend(over_the_cap())
        finally:
            connections.close_all()

    broken_before = deadlocks()
    with ThreadPoolExecutor(WORKERS + 1) as pool:
        looking = pool.submit(look_on)
        results = [pool.submit(run, number) for number in range(WORKERS)]
        failures = [result.exception(timeout=60) for result in results]
        is_over.set()
        looking.result(timeout=10)
    assert failures == [None] * WORKERS
    assert seen == []
    assert deadlocks() == broken_before
    check_owners()

    with salon.inside():
        for person in staff:  # a new day: everybody is there again
            presence.begin(person, now=salon.clock.now())
        for lead_id in lead_ids:
            give(lead_id, salon.clock.now())
        salon.clock.settle()
        assert not DueWork.objects.filter(failed_at__isnull=False).exists()
        assert DueWork.objects.filter(attempts__gt=0).count() == 0
        check_owners()
        for lead in Lead.objects.filter(status__in=["open", "needs_call"]):
            assert lead.owner_id or lead.waits_why, lead
        assert over_the_cap() == []


def check_owners() -> None:
    """The current assignment of a lead is its owner's, and there is one at most."""
    current = Assignment.objects.filter(ended_at=None).values_list("lead_id", "staff_id")
    assert len(current) == len({lead_id for lead_id, _ in current})
    for lead in Lead.objects.filter(status__in=["open", "needs_call"]):
        assert dict(current).get(lead.pk) == lead.owner_id


def test_two_reach_for_the_same_lead(rush):
    """Both press «Взять», and the clock moves it on at the same moment: one of them has it."""
    salon, lead_ids = rush
    people, now = [salon.anna, salon.boris], salon.clock.now()
    gate = Barrier(3)

    def run(who) -> str:
        try:
            with salon.inside():
                connection.ensure_connection()
                gate.wait(timeout=30)
                if who is None:
                    give(lead_ids[0], now)
                    return "moved"
                try:
                    assignment.take(Lead.objects.get(pk=lead_ids[0]), by=who, now=now)
                    return who.name
                except assignment.AlreadyTaken as taken:
                    return f"ведёт {taken.by.name}"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(run, [*people, None]))
    lead = Lead.objects.select_related("owner", "conversation__held_by").get(pk=lead_ids[0])
    assert {lead.owner.name, f"ведёт {lead.owner.name}", "moved"} == set(told)
    assert lead.conversation.held_by == lead.owner
    check_owners()
