"""What the receptionist's list shows, in which order, to whom, and at what cost."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact, Conversation, Identity, Message
from routing import quarantine, queries
from routing.models import Lead
from tenants.access import Member
from tenants.models import User


@pytest.fixture
def anna(salon):
    return member(salon, "anna")


def member(salon, who: str, role: str = "receptionist") -> Member:
    return Member(User.objects.get(email=f"{who}@vesna.test"), salon.tenant, role)


class Desk:
    """Leads put straight into the database: the list only reads."""

    def __init__(self, salon, clock):
        self.salon, self.clock, self.count = salon, clock, 0

    def lead(self, name: str, *, said: str = "Можно записаться?", ago: int = 0, **facts) -> Lead:
        self.count += 1
        at = self.clock.now() - timedelta(minutes=ago)
        contact = Contact.objects.create(name=name, phone=facts.pop("phone", None), created_at=at)
        identity = Identity.objects.create(contact=contact, kind="telegram", external_id=str(9000 + self.count))
        led = {key: facts.pop(key) for key in ("held_by", "needs_person") if key in facts}
        conversation = Conversation.objects.create(
            identity=identity, contact=contact, account_id=1, created_at=at, last_message_at=at, **led
        )
        Message.objects.create(conversation=conversation, author="client", text=said, sent_at=at, received_at=at)
        due = facts.pop("due_in", None)
        if due is not None:
            facts |= {"clock_due_at": self.clock.now() + timedelta(seconds=due), "clock_started_at": at}
        defaults = {"kind": "telegram", "created_at": at, "last_client_at": at, "changed_at": at, "intent": "booking"}
        return Lead.objects.create(contact=contact, conversation=conversation, **(defaults | facts))

    def shown(self, reader: Member, view: str = "all", query: str = "", number: int = 1) -> list[str]:
        page = queries.inbox_page(reader, view=view, query=query, number=number, now=self.clock.now())
        return [row.contact_name for row in page.rows]


@pytest.fixture
def desk(salon, clock):
    return Desk(salon, clock)


def test_late_stands_above_hot_and_hot_above_the_rest(desk, anna):
    desk.lead("Холодная", temperature="cold", ago=1)
    desk.lead("Тёплая", temperature="warm", ago=2)
    desk.lead("Горячая с часами", temperature="hot", clock="take", due_in=40, ago=3)
    desk.lead("Горячая без часов", temperature="hot", ago=4)
    desk.lead("Холодная опаздывает", temperature="cold", clock="answer", due_in=-30, ago=5)
    desk.lead("Опаздывает сильнее", temperature="warm", clock="call", due_in=-300, ago=6)
    desk.lead("Тёплая ждёт человека", temperature="warm", clock="answer", due_in=100, ago=7)

    assert desk.shown(anna) == [
        "Опаздывает сильнее",
        "Холодная опаздывает",
        "Горячая с часами",
        "Горячая без часов",
        "Тёплая ждёт человека",
        "Тёплая",
        "Холодная",
    ]


def test_the_rank_of_a_row_says_the_same_as_the_order_of_the_list(desk, anna, clock):
    for number, (temperature, name, due) in enumerate(
        [("hot", "take", 30), ("hot", "", None), ("warm", "answer", -5), ("cold", "", None), ("warm", "confirm", 900)]
    ):
        desk.lead(f"К{number}", temperature=temperature, clock=name, ago=number, **({"due_in": due} if due else {}))
    desk.lead("Завершена", status="refused", ago=1)

    found = queries.inbox_page(anna, view="all", query="К", number=1, now=clock.now()).rows
    found += queries.inbox_page(anna, view="closed", query="", number=1, now=clock.now()).rows

    assert [row.rank for row in found] == sorted(row.rank for row in found)
    assert len({row.rank for row in found}) == 6


def test_views_and_counters_agree(desk, salon, anna, clock):
    desk.lead("Горячая", temperature="hot", owner=salon.boris, clock="take", due_in=30)
    desk.lead("Моя", temperature="warm", owner=salon.anna, held_by=salon.anna, taken_at=clock.now())
    desk.lead("Предложена мне", temperature="hot", owner=salon.anna, clock="take", due_in=30)
    desk.lead("Вернула ассистенту", owner=salon.anna, taken_at=clock.now())
    desk.lead("Ничья", needs_person=True)
    desk.lead("У ассистента")
    desk.lead("Отказ", status="refused")
    desk.lead("Спам", status="quarantine")
    desk.lead("Проверка", is_test=True)

    counters = queries.counters(anna, now=clock.now())

    assert sorted(desk.shown(anna, "hot")) == ["Горячая", "Предложена мне"]
    assert sorted(desk.shown(anna, "waiting")) == ["Горячая", "Ничья", "Предложена мне"]
    assert sorted(desk.shown(anna, "mine")) == ["Моя", "Предложена мне"]
    assert desk.shown(anna, "free") == ["Ничья"]
    assert desk.shown(anna, "closed") == ["Отказ"]
    assert desk.shown(anna, "test") == ["Проверка"]
    assert len(desk.shown(anna)) == 6
    assert (counters.hot, counters.waiting, counters.mine, counters.free) == (2, 3, 2, 1)
    assert (counters.quarantine, counters.test) == (1, 1)
    assert [row.contact_name for row in quarantine.listed(anna, now=clock.now())] == ["Спам"]


def test_a_booked_client_who_waits_for_a_person_is_not_lost_to_sight(desk, anna):
    desk.lead("Записана и пишет", status="booked", clock="answer", due_in=600)
    desk.lead("Записана и жалуется", status="booked", needs_person=True)
    desk.lead("Записана")

    assert sorted(desk.shown(anna)) == ["Записана", "Записана и жалуется", "Записана и пишет"]
    assert desk.shown(anna, "closed") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("алёна", ["Алёна"]),
        ("алена", ["Алёна"]),
        ("АЛЕН", ["Алёна"]),
        ("1234", ["Алёна"]),
        ("8-900-000-12-34", ["Алёна"]),
        ("парковка", ["Борислава"]),
        ("алена парковка", []),
        ("кератин", ["Завершённая"]),  # whoever is looked for is found, finished or not
        ("100%", []),
        ("(.*", []),
        ("'; drop table", []),
    ],
)
def test_search_by_name_phone_and_word(desk, anna, query, found):
    desk.lead("Алёна", phone="+79000001234")
    desk.lead("Борислава", said="А парковка у вас есть?")
    desk.lead("Завершённая", summary="Кератин", status="refused")

    assert desk.shown(anna, query=query) == found


def test_pages_follow_each_other_without_gap_or_repeat(desk, anna, clock):
    for number in range(queries.PAGE + 7):
        desk.lead(f"Клиент {number:02d}", ago=number)

    first = queries.inbox_page(anna, view="all", query="", number=1, now=clock.now())
    second = queries.inbox_page(anna, view="all", query="", number=2, now=clock.now())

    assert (first.has_next, second.has_next) == (True, False)
    names = [row.contact_name for row in first.rows + second.rows]
    assert names == [f"Клиент {number:02d}" for number in range(queries.PAGE + 7)]


def test_the_list_costs_the_same_with_ten_rows_and_with_a_hundred(desk, salon, anna, clock):
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as told:
            queries.inbox_page(anna, view="all", query="кли", number=1, now=clock.now())
            queries.counters(anna, now=clock.now())
            quarantine.listed(anna, now=clock.now())
            queries.open_tasks(anna, now=clock.now())
        return len(told)

    def fill(count: int) -> None:
        for number in range(count):
            owner = (None, salon.anna, salon.boris)[number % 3]
            lead = desk.lead(f"Клиент {number}", owner=owner, held_by=owner, status=("open", "quarantine")[number % 2])
            lead.tasks.create(
                kind="call", title="Перезвонить", key=f"k{lead.pk}", due_at=clock.now(), created_at=clock.now()
            )

    fill(10)
    cost()  # settings are read once
    of_ten = cost()
    fill(90)
    cost()  # and again, should filling have taken longer than they are kept

    assert cost() == of_ten
    assert of_ten < 20


def test_a_row_counts_what_nobody_answered(desk, anna, clock):
    lead = desk.lead("Ира", said="Здравствуйте")
    talk = lead.conversation
    for author, text in [
        ("assistant", "Добрый день!"),
        ("client", "А цена?"),
        ("client", "И\nсегодня?"),
        ("note", "ха"),
    ]:
        Message.objects.create(
            conversation=talk, author=author, text=text, sent_at=clock.now(), received_at=clock.now()
        )

    row = queries.inbox_row(lead.pk, anna, now=clock.now())

    assert (row.unread, row.last_text, row.last_author) == (2, "И сегодня?", "client")


def test_a_row_shows_the_point_of_an_answer_not_its_greeting(desk, anna, clock):
    lead = desk.lead("Ира", said="Здравствуйте")
    text = "Здравствуйте! Это салон «Весна».\n\nСтрижка: есть свободное время.\n1. завтра в 12:00"
    Message.objects.create(
        conversation=lead.conversation, author="assistant", text=text, sent_at=clock.now(), received_at=clock.now()
    )

    row = queries.inbox_row(lead.pk, anna, now=clock.now())

    assert row.last_text == "Стрижка: есть свободное время. 1. завтра в 12:00"


def test_a_row_says_who_of_the_staff_wrote_last(desk, salon, anna, clock):
    lead = desk.lead("Ира")
    said = Message.objects.create(
        conversation=lead.conversation, author="staff", staff=salon.boris, text="Ждём", sent_at=clock.now(),
        received_at=clock.now(),
    )  # fmt: skip
    assert queries.inbox_row(lead.pk, anna, now=clock.now()).last_name == "Борис"
    said.staff = salon.anna
    said.save()
    assert queries.inbox_row(lead.pk, anna, now=clock.now()).last_name == "Вы"


def test_a_row_says_why_it_is_hot_and_what_is_wanted(salon, anna, clock):
    lead = salon.receives("telegram", "Можно записаться на окрашивание сегодня после 15:00?")

    row = queries.inbox_row(lead.pk, anna, now=clock.now())

    assert row.temperature == "hot"
    assert row.why == "намерение 40 + свежесть 20 + канал 13 + ценность 13"
    assert row.wants == "Окрашивание, сегодня после 15:00"
    assert (row.holder.kind, row.holder.name, row.holder.is_me) == ("offered", "Анна", True)
    assert (row.clock.label, row.clock.left_seconds, row.clock.budget_seconds) == ("взять", 60, 60)


def test_a_cold_lead_that_was_not_booked_in_an_hour_does_not_stay_red(desk, anna, clock):
    cold = desk.lead("Холодная", temperature="cold", clock="confirm", due_in=-60)
    hot = desk.lead("Горячая", temperature="hot", clock="confirm", due_in=-60)

    assert queries.inbox_row(cold.pk, anna, now=clock.now()).clock is None
    assert queries.inbox_row(hot.pk, anna, now=clock.now()).clock.is_late


def test_a_specialist_sees_what_is_hers_alone(desk, salon, clock):
    User.objects.create_user("olga@vesna.test", "pass-for-tests-1")
    olga = salon.olga
    olga.user = User.objects.get(email="olga@vesna.test")
    olga.save()
    reader = member(salon, "olga", "specialist")
    own = desk.lead("Своя", owner=olga, temperature="hot")
    desk.lead("Ведёт сама", held_by=olga)
    desk.lead("Чужая", owner=salon.anna)
    desk.lead("Спам", status="quarantine")
    own.tasks.create(kind="call", title="Позвонить", key="a", due_at=clock.now(), created_at=clock.now())

    counters = queries.counters(reader, now=clock.now())

    assert sorted(desk.shown(reader)) == ["Ведёт сама", "Своя"]
    assert desk.shown(reader, query="Чужая") == []
    assert (counters.hot, counters.mine, counters.quarantine, counters.tasks) == (1, 2, 0, 1)


def test_a_page_that_was_deaf_learns_what_changed(desk, salon, anna, clock):
    old = desk.lead("Старая", ago=30)
    new = desk.lead("Новая", ago=1)
    Conversation.objects.filter(pk=old.conversation_id).update(last_message_at=clock.now())

    changes = queries.changes_since(anna, clock.now() - timedelta(minutes=5))

    assert changes.leads == [old.pk, new.pk]
    assert changes.is_all
    assert queries.changes_since(anna, clock.now() + timedelta(seconds=1)).leads == []
    assert not queries.changes_since(anna, clock.now() - timedelta(minutes=5), limit=1).is_all
