"""The day: who comes to whom, and what became of it."""

import re
from datetime import timedelta

import pytest

from booking import actions
from booking.models import Appointment
from channels_app.models import Delivery
from contacts.models import Contact
from tests.inbox.conftest import words_of


@pytest.fixture
def visit(salon, hot_lead, clock):
    """Irina comes to Olga at 15:00."""
    return book(
        salon,
        hot_lead.contact,
        clock.now() + timedelta(hours=3),
        conversation=hot_lead.conversation,
        lead_id=hot_lead.pk,
    )


def book(salon, contact, at, *, service="Окрашивание", staff=None, **extra):
    who = staff or salon.olga
    now = salon.clock.now()
    return actions.book_now(contact, [salon.service(service).pk], who.pk, salon.branch.pk, at, now=now, **extra)


def test_a_day_has_a_column_a_person_and_each_visit_its_length(salon, anna, visit):
    page = words_of(anna.get("calendar/"))

    assert "Сегодня, ср 25 ноября" in page
    assert "Ольга" in page
    assert "Марина" in page
    assert f'popovertarget="visit-{visit.pk}"' in page
    assert re.search(r'class="calendar__item q8">\s*<button class="visit visit--booked"', page)  # two hours
    assert "15:00–17:00" in page
    assert "3 500 ₽" in page


def test_columns_are_as_long_as_the_day(salon, anna, visit, clock):
    from inbox.day import day_view
    from tenants.access import Member
    from tenants.models import User

    other = Contact.objects.create(name="Вера", created_at=clock.now())
    book(salon, other, clock.now() + timedelta(hours=5, minutes=5), service="Женская стрижка")
    book(salon, other, clock.now() + timedelta(hours=6, minutes=10), service="Женская стрижка")
    reader = Member(User.objects.get(email="anna@vesna.test"), salon.tenant, "receptionist")

    shown = day_view(reader, salon.branch, clock.now().astimezone(salon.branch.zone).date(), now=clock.now())

    quarters = {column.name: sum(item.quarters for item in column.items) for column in shown.columns}
    assert set(quarters.values()) == {len(shown.hours) * 4}
    assert {column.name: column.count for column in shown.columns} == {"Марина": 0, "Ольга": 3}


def test_other_days_and_senseless_ones(salon, anna, visit):
    tomorrow = words_of(anna.get("calendar/", day="2026-11-26"))
    assert "Завтра, чт 26 ноября" in tomorrow
    assert "Ирина" not in tomorrow
    for day in ("вчера", "2026-99-99", "9999-12-31", "0001-01-01"):
        assert "Сегодня, ср 25 ноября" in words_of(anna.get("calendar/", day=day))


def test_the_same_number_of_queries_whatever_the_number_of_visits(salon, anna, clock, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    contact = Contact.objects.create(name="Вера", created_at=clock.now())

    def cost() -> int:
        with CaptureQueriesContext(connection) as told:
            anna.get("calendar/")
        return len(told)

    book(salon, contact, clock.now() + timedelta(hours=1))
    cost()
    of_one = cost()
    for hours in (3, 5, 7):
        book(salon, contact, clock.now() + timedelta(hours=hours))

    assert cost() == of_one


def test_arrived_and_not(salon, anna, visit, clock):
    early = anna.browser.post(salon.url(f"calendar/{visit.pk}/no-show/"), follow=True)
    assert "ещё не наступило" in words_of(early)
    clock.tick(hours=4)

    anna.post(f"calendar/{visit.pk}/no-show/")
    assert Appointment.objects.get().status == "no_show"
    answer = anna.post(f"calendar/{visit.pk}/arrived/")
    assert Appointment.objects.get().status == "arrived"
    assert answer["Location"].endswith(f"?day=2026-11-25&branch={salon.branch.pk}")


def test_cancelling_frees_the_time_and_tells_the_client(salon, anna, visit, clock):
    anna.post(f"calendar/{visit.pk}/cancel/", reason="Мастер заболел")

    cancelled = Appointment.objects.get()
    assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "Мастер заболел")
    assert "ваша запись отменена" in salon.heard()[-1]
    assert "Окрашивание" in salon.heard()[-1]
    page = words_of(anna.get("calendar/"))
    assert "Отменены и не состоялись" in page


def test_moving_offers_free_times_and_tells_the_client(salon, anna, visit):
    page = words_of(anna.get(f"calendar/{visit.pk}/move/"))
    assert "15:00" in page  # it does not stand in its own way
    value = re.findall(r'name="opening" value="([^"]+)"', page)[0]

    answer = anna.post(f"calendar/{visit.pk}/move/", opening=value)

    moved = Appointment.objects.get()
    assert answer.status_code == 302
    assert (moved.revision, moved.status) == (1, "booked")
    assert moved.starts_at != visit.starts_at
    assert "перенесена" in salon.heard()[-1]
    assert Delivery.objects.filter(key=f"visit-moved-{moved.pk}-1").count() == 1


def test_moving_to_a_time_that_is_gone_moves_nothing(salon, anna, visit, clock):
    page = words_of(anna.get(f"calendar/{visit.pk}/move/"))
    value = re.findall(r'name="opening" value="([^"]+)"', page)[-1]
    other = Contact.objects.create(name="Вера", created_at=clock.now())
    from routing.cards import read_value

    book(salon, other, read_value(value)[2])

    answer = anna.browser.post(salon.url(f"calendar/{visit.pk}/move/"), {"opening": value}, follow=True)

    assert "только что заняли" in words_of(answer)
    assert Appointment.objects.get(pk=visit.pk).starts_at == visit.starts_at


def test_a_specialist_has_her_own_column_alone(salon, olga, visit, clock):
    other = Contact.objects.create(name="Вера", created_at=clock.now())
    foreign = book(salon, other, clock.now() + timedelta(hours=3), service="Маникюр", staff=salon.marina)

    page = words_of(olga.get("calendar/"))

    assert "Ирина" in page
    assert "Вера" not in page
    assert "Марина" not in page
    assert olga.post(f"calendar/{foreign.pk}/cancel/").status_code == 404
    assert olga.post(f"calendar/{foreign.pk}/move/", opening="1-1-1").status_code == 404
    to_marina = f"{salon.marina.pk}-{salon.branch.pk}-3630480"
    assert olga.post(f"calendar/{visit.pk}/move/", opening=to_marina).status_code == 403
    clock.tick(hours=4)
    olga.post(f"calendar/{visit.pk}/arrived/")
    assert Appointment.objects.get(pk=visit.pk).status == "arrived"


def test_a_no_show_whose_time_was_given_away_stands_aside(salon, anna, visit, clock):
    clock.tick(hours=3, minutes=5)
    actions.mark_no_show(visit, now=clock.now())
    other = Contact.objects.create(name="Вера", created_at=clock.now())
    book(salon, other, clock.now() + timedelta(minutes=10))

    page = words_of(anna.get("calendar/"))

    assert "Отменены и не состоялись" in page
    assert page.count('class="visit visit--') == 1
