"""Clients are reminded of what is still true, through the channel they write in, else by SMS."""

import pytest

from booking import actions as booking_actions
from booking.models import Appointment
from reminders.models import Reminder
from routing import assignment, replies
from routing.models import Lead, Task
from tenants.access import Member

BOOKING = ("Хочу записаться на окрашивание к Ольге послезавтра в 15:00", "да", "Анна, 8 901 000 12 34", "да, согласна")


@pytest.fixture(autouse=True)
def _outside(outside):
    """Reminders leave through the messenger and the gateway."""


@pytest.fixture
def visit(salon, clock):
    """Booked by the assistant for the day after tomorrow, 15:00 in Ufa."""
    for text in BOOKING:
        if salon.lead() is None or salon.lead().status != Lead.Status.BOOKED:
            clock.tick(seconds=4)
            salon.receives("telegram", text)
    clock.tick(seconds=6)
    [visit] = Appointment.objects.filter(status="booked")
    assert visit.starts_at.astimezone(salon.branch.zone).strftime("%d.%m %H:%M") == "27.11 15:00"
    return visit


def states():
    return dict(Reminder.objects.order_by("id").values_list("kind", "status"))


def test_24_2_and_1_hours_before(salon, clock, visit):
    said = len(salon.heard())
    clock.tick(hours=27)
    assert "напоминает о записи" in salon.heard()[-1]
    assert "завтра, в пятницу 27\xa0ноября, в\xa015:00" in salon.heard()[-1]
    clock.tick(hours=22)
    assert "Всё в силе?" in salon.heard()[-1]
    clock.tick(hours=1)
    assert "через час" in salon.heard()[-1]
    assert len(salon.heard()) == said + 3
    assert states() == {"before_24h": "sent", "before_2h": "sent", "before_1h": "sent"}


def test_yes_to_a_reminder_confirms_the_visit(salon, clock, visit):
    clock.tick(hours=27)
    salon.receives("telegram", "Да, приду")
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.CONFIRMED
    clock.tick(hours=22)
    assert not Task.objects.exists()


def test_unconfirmed_visit_two_hours_before_is_a_call(salon, clock, visit):
    clock.tick(hours=49)
    [task] = Task.objects.all()
    assert "не подтверждён" in task.title


def test_moved_visit_sends_none_of_the_old(salon, clock, visit):
    booking_actions.move(visit, salon.olga.pk, visit.starts_at.replace(day=29), now=clock.now())
    clock.settle()
    said = len(salon.heard())
    clock.tick(hours=50)
    assert len(salon.heard()) == said
    assert Reminder.objects.filter(revision=0).exclude(status="cancelled").count() == 0
    clock.tick(hours=25, minutes=1)
    assert "воскресенье 29\xa0ноября" in salon.heard()[said]


def test_cancelled_visit_sends_nothing(salon, clock, visit):
    booking_actions.cancel(visit, now=clock.now(), reason="клиент передумал")
    clock.settle()
    said = len(salon.heard())
    clock.tick(hours=60)
    assert len(salon.heard()) == said
    assert set(states().values()) == {"cancelled"}


def test_blocked_messenger_falls_back_to_sms(salon, clock, visit, outside):
    visit.conversation.identity.is_unreachable = True
    visit.conversation.identity.save()
    clock.tick(hours=27)
    [sms] = outside.sms()
    assert sms["phone"].lstrip("+") == "79010001234"
    assert "напоминает о записи" in sms["text"]


def test_reminder_that_comes_hours_late_is_left_out(salon, clock, visit):
    clock._now += visit.starts_at - clock.now()  # everything stood still until the visit began
    clock.settle()
    assert set(states().values()) == {"skipped"}


def test_no_show_is_invited_back(salon, clock, visit):
    clock._now += visit.starts_at - clock.now()
    clock.settle()
    clock.tick(minutes=30)
    booking_actions.mark_no_show(Appointment.objects.get(), now=clock.now())
    clock.tick(hours=1)
    assert "Подобрать вам другое время?" in salon.heard()[-1]


def test_silent_client_hears_after_one_and_three_days_and_goes_to_nurture_after_seven(salon, clock):
    salon.receives("telegram", "Здравствуйте, сколько стоит педикюр?")
    said = len(salon.heard())
    clock.tick(days=1, minutes=1)
    assert len(salon.heard()) == said + 1
    clock.tick(days=2)
    assert len(salon.heard()) == said + 2
    clock.tick(days=4)
    assert salon.lead().status == Lead.Status.NURTURE
    assert len(salon.heard()) == said + 3
    clock.tick(days=30)
    assert len(salon.heard()) == said + 3


def test_reply_stops_the_follow_ups(salon, clock):
    salon.receives("telegram", "Здравствуйте, сколько стоит педикюр?")
    clock.tick(hours=23)
    salon.receives("telegram", "А маникюр?")
    said = len(salon.heard())
    clock.tick(hours=2)
    assert len(salon.heard()) == said


def test_lead_that_a_person_took_is_not_followed_up(salon, clock):
    lead = salon.receives("telegram", "Здравствуйте, сколько стоит педикюр?")
    assignment.take(lead, by=salon.anna, now=clock.now())
    said = len(salon.heard())
    clock.tick(days=8)
    assert len(salon.heard()) == said


def test_lead_that_its_person_answered_and_left_is_the_assistants_to_follow_up(salon, clock):
    lead = salon.receives("telegram", "Здравствуйте, сколько стоит педикюр?")
    anna = Member(salon.anna.user, salon.tenant, salon.anna.role)
    replies.reply(lead, anna, "Ждём вас", seen_message_id=0, force=True, client_key="first-answer", now=clock.now())
    clock.tick(hours=12)  # the shift is over
    assert salon.lead().owner is None
    said = len(salon.heard())
    clock.tick(days=1)
    assert len(salon.heard()) == said + 1


def test_follow_up_waits_for_the_morning(salon, clock):
    clock.tick(hours=11)  # 23:00 in Ufa
    salon.receives("telegram", "Здравствуйте, сколько стоит педикюр?")
    said = len(salon.heard())
    clock.tick(hours=24)
    assert len(salon.heard()) == said
    clock.tick(hours=10)
    assert len(salon.heard()) == said + 1


def test_neighbour_reminds_nobody(salon, neighbour, clock, visit):
    clock.tick(hours=27)
    with neighbour.inside():
        assert Reminder.objects.count() == 0
