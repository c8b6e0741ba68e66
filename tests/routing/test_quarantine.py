"""Spam is kept apart: nobody's work, in no figure; it comes back and teaches, or it ends. Floods hold nobody up."""

from datetime import timedelta

import pytest

from assistant.models import TrainingExample
from channels_app.models import InboundEvent, Notice
from contacts import pace
from contacts.models import Message
from leadhub.work.models import DueWork
from reports import facts
from routing import outcomes, quarantine, queries
from routing.models import Lead, Task
from tenants.access import Member, member_of
from tenants.business.models import BusinessSettings
from tenants.models import User

SPAM = "Продвижение сайтов, SEO под ключ! Заработок от 5000 в день, пишите в личку t.me/xxx"
WANTS = "Хочу записаться на маникюр завтра в 15:00"


@pytest.fixture(autouse=True)
def _outside(outside):
    """The messenger that answers are sent to."""


@pytest.fixture
def anna(salon) -> Member:
    return member_of(salon.tenant, User.objects.get(email="anna@vesna.test"))


@pytest.fixture
def spam(salon) -> Lead:
    return salon.receives("telegram", SPAM)


def clocks(salon, lead):
    return DueWork.objects.filter(schema=salon.tenant.schema_name, handler__endswith="_clock", key=str(lead.pk))


def ends(salon, lead):
    return DueWork.objects.filter(
        schema=salon.tenant.schema_name, handler="routing.quarantine_end", key=str(lead.pk)
    ).first()


# --- Kept apart -------------------------------------------------------------------------------------------------------


def test_spam_has_no_clock_no_notice_no_task_and_no_place_in_figures(salon, spam, anna, clock):
    clock.tick(hours=5)
    clock.settle()
    lead = salon.lead()
    assert (lead.status, lead.clock, lead.owner, lead.breaches) == ("quarantine", "", None, 0)
    assert not clocks(salon, lead).exists()
    assert not Notice.objects.exists()
    assert not Task.objects.exists()
    assert salon.heard() == []
    assert not facts.real_leads().exists()
    counted = queries.counters(anna, now=clock.now())
    assert (counted.hot, counted.waiting, counted.mine, counted.free, counted.quarantine) == (0, 0, 0, 0, 1)
    assert queries.inbox_page(anna, view="all", query="", number=1, now=clock.now()).rows == []


def test_what_a_person_calls_spam_leaves_nothing_behind_and_is_learned(salon, anna, clock):
    lead = salon.receives("telegram", "Можно сегодня на окрашивание к Ольге? Срочно")
    outcomes.finish(lead, "spam", by=anna, why="", now=clock.now())
    lead = salon.lead()
    assert (lead.status, lead.owner, lead.clock) == ("quarantine", None, "")
    assert not clocks(salon, lead).exists()
    assert not lead.tasks.filter(done_at=None).exists()
    assert not Notice.objects.filter(seen_at=None).exists()
    assert not facts.real_leads().exists()
    assert TrainingExample.objects.get().intent == "spam"
    salon.receives("telegram", "Так можно или нет?")
    assert salon.lead().status == "quarantine"  # a person said so: only a person takes it back


def test_spam_that_goes_on_like_a_person_comes_back_with_its_clock(salon, spam, clock):
    clock.tick(hours=20)
    lead = salon.receives("telegram", WANTS)
    assert lead.pk == spam.pk
    assert lead.status == "open"
    assert lead.clock in ("take", "confirm")
    assert lead.clock_due_at > clock.now()
    assert lead.decisions.filter(kind="released", details__0__value="клиент пишет как человек").exists()


def test_release_answers_starts_the_clock_and_teaches(salon, spam, anna, clock):
    clock.tick(hours=20)
    quarantine.release(spam, by=anna, now=clock.now())
    clock.settle()
    lead = salon.lead()
    assert lead.status == "open"
    assert len(salon.heard()) == 1
    assert lead.clock_due_at > clock.now()
    example = TrainingExample.objects.get()
    assert example.intent not in ("", "spam")
    assert example.by == "Анна"
    assert ends(salon, lead) is None
    assert lead.decisions.filter(kind="taught").exists()
    quarantine.release(lead, by=anna, now=clock.now())
    assert lead.decisions.filter(kind="released").count() == 1


# --- The end ----------------------------------------------------------------------------------------------------------


def test_spam_is_erased_when_its_days_are_over(salon, spam, anna, clock):
    assert ends(salon, spam).due_at == clock.now() + timedelta(days=30)
    clock.tick(days=29)
    clock.settle()
    assert salon.lead().status == "quarantine"
    clock.tick(days=1, seconds=1)
    clock.settle()
    lead = salon.lead()
    assert lead.status == "spam"
    assert Message.objects.get().text == quarantine.ERASED
    assert Message.objects.get().understanding is None
    assert bytes(InboundEvent.objects.get().body) == b""
    assert not facts.real_leads().exists()
    assert queries.inbox_page(anna, view="closed", query="", number=1, now=clock.now()).rows == []
    assert lead.decisions.filter(title="Спам стёрт").exists()
    later = salon.receives("telegram", WANTS)
    assert (later.pk != lead.pk, later.status) == (True, "open")


def test_another_number_of_days_counts_for_what_is_there_already(salon, spam, clock):
    settings = BusinessSettings.objects.get()
    settings.quarantine_days = 3
    settings.save()
    clock.settle()
    assert ends(salon, spam).due_at == clock.now() + timedelta(days=3)
    clock.tick(days=2)
    salon.receives("telegram", SPAM)
    clock.tick(days=2)
    clock.settle()
    assert salon.lead().status == "quarantine"  # it wrote again: the days begin anew
    clock.tick(days=1, seconds=1)
    clock.settle()
    assert salon.lead().status == "spam"


def test_what_the_client_wrote_before_the_spam_stays(salon, anna, clock):
    lead = salon.receives("telegram", WANTS)
    outcomes.finish(lead, "refused", by=anna, why="", now=clock.now())
    clock.tick(days=2)
    lead = salon.receives("telegram", SPAM)
    outcomes.finish(lead, "spam", by=anna, why="", now=clock.now())
    quarantine.discard(salon.lead(), why="Анна", now=clock.now())
    assert list(Message.objects.filter(author="client").order_by("pk").values_list("text", flat=True)) == [
        WANTS,
        quarantine.ERASED,
    ]


# --- Floods -----------------------------------------------------------------------------------------------------------


def test_ten_short_lines_in_a_minute_are_a_person(salon, clock):
    for number in range(10):
        clock.tick(seconds=3)
        salon.receives("telegram", f"и ещё вопрос {number}")
    assert not Message.objects.filter(author="client", is_processed=False).exists()
    assert not salon.lead().decisions.filter(kind="flood").exists()


def test_a_flood_is_kept_marked_and_read_at_once_when_it_is_over(salon, clock, monkeypatch):
    monkeypatch.setitem(pace.MOST, 60, 3)
    for number in range(3 + 6):
        salon.receives("telegram", f"Сколько стоит маникюр {number}?")
    waiting = Message.objects.filter(author="client", is_processed=False)
    assert waiting.count() == 6
    assert Message.objects.filter(author="client").count() == 9  # all are kept and shown
    lead = salon.lead()
    assert quarantine.FLOOD_TAG in lead.tags
    assert lead.decisions.filter(kind="flood").count() == 1

    clock.tick(seconds=61)
    clock.settle()
    assert not waiting.exists()
    lead = salon.lead()
    assert quarantine.FLOOD_TAG not in lead.tags
    assert lead.decisions.filter(title="Поток сообщений кончился", details__0__value="6").exists()
    clock.tick(seconds=5)
    salon.receives("telegram", "А педикюр сколько стоит?")  # back to normal
    assert not waiting.exists()


def test_one_who_floods_holds_nobody_else_up(salon, clock, monkeypatch):
    monkeypatch.setitem(pace.MOST, 60, 3)
    for number in range(6):
        salon.receives("telegram", f"ку {number}", client=1)
    lead = salon.receives("telegram", WANTS, client=2)
    assert lead.intent == "booking"
    assert len(salon.heard(2)) == 1


def test_an_endless_flood_is_read_every_ten_minutes(salon, clock, monkeypatch):
    monkeypatch.setitem(pace.MOST, 3600, 4)
    monkeypatch.setattr(quarantine, "LONGEST_HOLD", timedelta(minutes=4))
    for number in range(10):
        salon.receives("telegram", f"ку {number}")
        clock.tick(seconds=50)
    read = Message.objects.filter(author="client", understanding__isnull=False).count()
    assert read == 4 + 1  # each by itself, then all that came at once
    assert salon.lead().decisions.filter(title="Поток сообщений кончился").exists()


def test_a_window_ends_by_itself(clock):
    state = {}
    for _ in range(pace.MOST[60] + 1):
        state = pace.counted(state, now=clock.now())
    assert pace.is_flood(state, now=clock.now())
    assert not pace.is_flood(state, now=clock.now() + timedelta(seconds=60))
    assert not pace.is_flood({}, now=clock.now())
    assert not pace.is_flood(
        pace.counted(state, now=clock.now() + timedelta(seconds=60)), now=clock.now() + timedelta(seconds=60)
    )
