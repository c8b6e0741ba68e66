"""Whom leads go to in a real business: strategies, turns, the queue, and two who reach for the same lead."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels_app.models import Notice
from contacts.models import Contact
from routing import assignment, config, presence
from routing.models import Lead, Queue
from tenants.business.models import BusinessSettings, Shift, StaffMember
from tests.routing.making import make_lead


@pytest.fixture
def make(salon, clock):
    numbers = iter(range(1, 1000))
    return lambda **facts: make_lead(salon, next(numbers), now=clock.now(), **facts)


@pytest.fixture
def share(salon, clock, make):
    """Give so many leads to the two at the desk by a strategy; whom each went to."""

    def run(count: int, strategy: str, **facts) -> list[str]:
        desk = [salon.anna.pk, salon.boris.pk]
        told = {"stage": "first_contact", "why": "Проверка", "now": clock.now()}
        got = [assignment.give(make(**facts), first=desk, strategy=strategy, **told) for _ in range(count)]
        return [staff.name for staff in got]

    return run


def details(lead: Lead, kind: str = "assigned") -> dict[str, str]:
    return {line["name"]: line["value"] for line in lead.decisions.filter(kind=kind).latest("pk").details}


def test_weights_are_the_persons_own_share(salon, share):
    StaffMember.objects.filter(name="Анна").update(lead_weight=3, load_cap=100)
    StaffMember.objects.filter(name="Борис").update(load_cap=100)
    got = share(12, "weighted")
    assert got.count("Анна") == 9
    assert all("Борис" in got[start : start + 4] for start in range(0, 12, 4))  # smoothly, not in a heap


def test_a_full_person_is_passed_over_whatever_the_weight(salon, share):
    StaffMember.objects.filter(name="Анна").update(lead_weight=10, load_cap=2)
    assert share(4, "weighted").count("Анна") == 2


def test_sticky_goes_to_who_led_the_client_before(salon, share, make):
    ira = Contact.objects.create(name="Ира", created_at=salon.clock.now())
    old = make(contact=ira, owner=salon.boris, status="closed")
    share(1, "round_robin")  # Anna's turn is over, so Boris would be next anyway
    share(1, "round_robin")
    Lead.objects.filter(pk=old.pk).update(owner=salon.anna)
    assert share(1, "sticky", contact=ira) == ["Анна"]
    assert Lead.objects.latest("pk").assignments.get().reason.startswith("вёл этого клиента раньше")


def test_by_skill_goes_to_who_has_it(salon, share):
    salon.boris.skills.add(salon.service("Маникюр").skill)
    assert share(2, "by_skill", service=salon.service("Маникюр")) == ["Борис", "Борис"]
    assert set(share(2, "by_skill", service=salon.service("Женская стрижка"))) == {"Анна", "Борис"}


def test_least_loaded_goes_by_what_each_can_take(salon, share):
    StaffMember.objects.filter(name="Анна").update(load_cap=8)
    assert share(6, "least_loaded").count("Анна") == 4


def test_every_candidate_and_why_not_stands_in_the_record(salon, clock, make):
    StaffMember.objects.filter(name="Анна").update(presence="gone", presence_since=clock.now(), is_away=True)
    lead = make()
    assert assignment.give(lead, stage="first_contact", now=clock.now(), why="Горячая заявка") == salon.boris
    told = details(lead)
    assert told["Анна"] == "смена закончена"
    assert told["→ Борис"].startswith("единственный свободный")
    assert told["Светлана"] == "не отвечает за этот этап"
    assert told["Порядок отбора"].startswith("работает → на смене → на месте")


def test_nobody_is_never_nobody(salon, clock, make):
    """Full people: who is on duty, the backup, and then the queue with its reason, shown in the list."""
    StaffMember.objects.update(load_cap=1)
    BusinessSettings.objects.update(backup_staff=salon.marina)
    config.forget_all()
    owners = []
    for _ in range(6):
        lead = make()
        owners.append(assignment.give(lead, stage="first_contact", now=clock.now(), why="Горячая заявка"))
    names = [owner.name if owner else None for owner in owners]
    assert set(names[:2]) == {"Анна", "Борис"}
    assert names[2:] == ["Светлана", "Виктор", "Марина", None]
    lead.refresh_from_db()
    assert (lead.owner, lead.waits_why, lead.waits_since) == (None, "все, кто на смене, заняты", clock.now())
    page = salon.browser("anna").get(salon.url("inbox/"), {"view": "free"}).content.decode()
    assert "без хозяина: все, кто на смене, заняты" in page


def test_a_colleague_out_for_a_moment_is_asked_before_the_backup(salon, clock, make):
    StaffMember.objects.update(is_away=True)
    StaffMember.objects.filter(name="Борис").update(presence="away", presence_since=clock.now())
    lead = make()
    assert assignment.give(lead, stage="first_contact", now=clock.now(), why="Горячая заявка") == salon.boris
    assert lead.assignments.get().reason == "временно отсутствует: никого подходящего нет на смене"


def test_named_shift_takes_who_works_it_today(salon, clock, outside):
    from routing import rulesets

    Shift.objects.filter(staff=salon.anna).update(start=time(14), end=time(21))
    config.forget_all()
    rulesets.save_draft("IF intent = price_question THEN assign_to = shift_morning", by="Виктор", now=clock.now())
    rulesets.publish(by="Виктор", now=clock.now())
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    assert lead.owner is not None
    assert lead.owner != salon.anna


def test_a_shift_that_was_begun_by_the_button_has_a_name_too(salon, clock, outside):
    from routing import rulesets

    Shift.objects.filter(staff=salon.anna).delete()
    Shift.objects.exclude(staff=salon.anna).update(start=time(8), end=time(21))
    config.forget_all()
    presence.begin(salon.anna, now=clock.now())  # at noon
    rulesets.save_draft("IF intent = price_question THEN assign_to = shift_day", by="Виктор", now=clock.now())
    rulesets.publish(by="Виктор", now=clock.now())
    config.forget_all()
    assert salon.receives("telegram", "Сколько стоит маникюр?").owner == salon.anna


def test_previous_manager_by_a_rule(salon, clock, outside):
    from routing import rulesets

    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    Lead.objects.filter(pk=lead.pk).update(status="closed", owner=salon.boris)
    text = "IF intent = price_question THEN assign_to = previous"
    rulesets.save_draft(text, by="Виктор", now=clock.now())
    rulesets.publish(by="Виктор", now=clock.now())
    config.forget_all()
    clock.tick(minutes=5)
    lead = salon.receives("telegram", "Сколько стоит педикюр?")
    assert lead.owner == salon.boris


def test_a_client_who_writes_in_english_gets_who_speaks_it(salon, clock, outside):
    StaffMember.objects.filter(name="Борис").update(languages=["en"])
    told = {"stage": "first_contact", "why": "Проверка", "now": clock.now()}
    for client in (701, 702):
        lead = salon.receives("telegram", "Hello! How much is a haircut for men?", client=client)
        assert lead.conversation.state["language"] == "en"
        assert assignment.give(lead, **told) == salon.boris
    assert details(lead)["Анна"] == "не владеет языком: английский"
    lead = salon.receives("telegram", "Здравствуйте! Сколько стоит маникюр?", client=703)
    assert "language" not in lead.conversation.state
    assert assignment.give(lead, **told) == salon.anna


def test_a_queue_keeps_its_own_strategy(salon, clock, outside):
    from routing import rulesets

    salon.boris.skills.add(salon.service("Маникюр").skill)
    people = [salon.anna.pk, salon.boris.pk]
    Queue.objects.create(key="nails", name="Ногти", members=people, strategy="by_skill")
    rulesets.save_draft("IF intent = price_question THEN assign_to = queue_nails", by="Виктор", now=clock.now())
    rulesets.publish(by="Виктор", now=clock.now())
    for client in (601, 602):
        lead = salon.receives("telegram", "Сколько стоит маникюр?", client=client)
        assert lead.owner == salon.boris
    assert lead.assignments.get().reason.startswith("владеет услугой")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 4), st.integers(1, 9))
def test_turns_go_round_in_the_database_too(salon, clock, people, leads):
    from django.db import transaction

    with transaction.atomic():
        staff = [
            StaffMember.objects.create(name=f"Дежурный {number}", role="manager", branch=salon.branch, load_cap=100)
            for number in range(people)
        ]
        StaffMember.objects.filter(pk__in=[one.pk for one in staff]).update(presence="here", presence_since=clock.now())
        for number in range(leads):
            lead = make_lead(salon, number, now=clock.now())
            told = {"stage": "first_contact", "why": "Проверка", "now": clock.now()}
            assert assignment.give(lead, first=[one.pk for one in staff], **told)
        got = [one.assignments.count() for one in staff]
        assert sum(got) == leads
        assert max(got) - min(got) <= 1
        transaction.set_rollback(True)


def test_who_was_told_of_a_lead_is_told_once(salon, clock, make):
    assignment.give(make(), stage="first_contact", now=clock.now(), why="Горячая заявка")
    assert Notice.objects.count() == 1


def test_taking_counts_as_a_word(salon, clock, make):
    """Who was marked «не отвечает» and takes a lead is there again."""
    since = clock.now() - timedelta(minutes=5)
    StaffMember.objects.filter(name="Анна").update(
        presence="silent", presence_since=since, is_away=True, missed_in_a_row=3
    )
    assignment.take(make(owner=salon.boris), by=salon.anna, now=clock.now())
    assert (salon.anna.presence, salon.anna.is_away, salon.anna.missed_in_a_row) == ("here", False, 0)
