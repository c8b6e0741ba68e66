"""Broken terms against the matrix: whose, at which stage, how late; each number opens its leads."""

from datetime import timedelta

import pytest

from contacts.models import Message
from crm.models import Link
from reports import breaches, facts
from reports.periods import Period
from routing import duties
from routing.models import Assignment, Lead
from tests.reports.conftest import TODAY, at

WEEK = Period(TODAY - timedelta(days=6), TODAY)


@pytest.fixture
def week(past, salon):
    """Anna is late twice with taking, Boris once with answering, the assistant once; one lead is of a test."""

    def late(name, clock, when, *, stage="booking", owner=None, **more):
        lead = past.lead(name, when - timedelta(minutes=5), stage=stage, owner=owner, **more)
        lead = Lead.objects.select_related("owner", "branch").get(pk=lead.pk)
        duties.note_breach(lead, "Срок вышел", clock=clock, due_at=when, now=when)
        return lead

    first = late("Ирина", "take", at(24, 12), owner=salon.anna)
    second = late("Ольга П.", "take", at(24, 13), owner=salon.anna)
    for lead, seconds in ((first, 40), (second, 100)):
        given = lead.created_at
        Assignment.objects.create(
            lead=lead,
            staff=salon.boris,
            reason="следующий",
            created_at=given,
            taken_at=at(24, 12 if lead is first else 13) + timedelta(seconds=seconds),
        )
    silent = late("Яна", "person", at(25, 10), owner=salon.boris, stage="complaint")
    said = at(25, 10, 2)
    Message.objects.create(
        conversation=silent.conversation, author="staff", text="Да", external_id="s1", sent_at=said, received_at=said
    )
    late("Эмма", "answer", at(25, 11), answer=None)
    late("Проверка", "take", at(25, 11), owner=salon.anna, is_test=True)
    late("Давно", "take", at(10, 11), owner=salon.anna)
    return WEEK


def test_breaches_of_a_week_with_how_late_it_was(week, salon):
    found = breaches.load(week, facts.load_places(None))
    assert [(each.stage, each.clock, each.staff_name, each.role, each.late_seconds) for each in found] == [
        ("booking", "take", "Анна", "senior", 40),
        ("booking", "take", "Анна", "senior", 100),
        ("complaint", "person", "Борис", "owner", 120),
        ("booking", "answer", "Ассистент", "senior", None),
    ]


def test_a_card_that_came_late_counts_as_done(past, salon):
    for name in ("Ира", "Юля"):
        lead = past.lead(name, at(24, 10), stage="booking")
        duties.note_breach(Lead.objects.get(pk=lead.pk), "Карточки нет", clock="card", now=at(24, 11))
    Link.objects.create(kind="lead", local_id=lead.pk, remote_id="5")
    found = breaches.load(WEEK, facts.load_places(None))
    assert [(each.staff_name, each.late_seconds, each.is_done) for each in found] == [
        ("Битрикс24", None, False),
        ("Битрикс24", None, True),
    ]


def test_the_number_of_queries_does_not_grow(week, django_assert_max_num_queries):
    places = facts.load_places(None)
    with django_assert_max_num_queries(5):
        breaches.load(week, places)


def page_of(salon, who, path, **query):
    return salon.browser(who).get(salon.url(path), query)


def test_the_owner_sees_them_by_stage_and_person_and_opens_the_leads(week, salon):
    html = page_of(salon, "viktor", "reports/", period="7").content.decode()
    block = html[html.index('id="breaches"') :]
    assert "отвечает старший" in block
    assert "взять заявку: 2, первый ответ ассистента: 1" in block
    assert "1\xa0мин 10\xa0с" in block  # the middle of Anna's 40 and 100 seconds
    rows = page_of(
        salon, "viktor", "reports/leads/", figure="breaches", stage="booking", staff=salon.anna.pk, period="7"
    ).content.decode()
    assert "Ирина" in rows
    assert "Ольга П." in rows
    assert "Эмма" not in rows
    nobody = page_of(salon, "viktor", "reports/leads/", figure="breaches", staff=0, period="7").content.decode()
    assert "Эмма" in nobody
    assert "Ирина" not in nobody


def test_they_are_for_readers_of_reports_of_this_business_alone(week, salon, neighbour):
    assert page_of(salon, "anna", "reports/leads/", figure="breaches").status_code == 403
    mila = page_of(salon, "mila", "reports/leads/", figure="breaches", period="7").content.decode()
    assert "Ирина" not in mila  # marketing reads figures, not clients
    there = neighbour.browser("viktor").get(neighbour.url("reports/leads/"), {"figure": "breaches", "period": "7"})
    assert "Таких нет" in there.content.decode()
    assert neighbour.browser("viktor").get(salon.url("reports/")).status_code == 404
