"""Rules in force: what they do with real leads, and the record they leave."""

from __future__ import annotations

from datetime import timedelta

import pytest

from booking import actions
from booking.models import Appointment
from channels_app.models import Notice
from routing import assignment, queries, rulesets
from routing.models import Lead, Queue, RuleSet, Task
from routing.rulesets import RulesWrong
from tenants.access import Member
from tenants.business.models import BusinessSettings, MessageTemplate, StaffMember
from tenants.models import User

HOT = "Здравствуйте! Хочу записаться на окрашивание к Ольге завтра после 15"
PRICE = "Сколько стоит маникюр?"
BY = "Виктор"


@pytest.fixture(autouse=True)
def _outside(outside):
    """Every story needs the messenger."""


@pytest.fixture
def publish(clock):
    def run(text: str) -> RuleSet:
        rulesets.save_draft(text, by=BY, now=clock.now())
        return rulesets.publish(by=BY, now=clock.now())

    return run


def record(lead, kind):
    return [
        (decision.title, {line["name"]: line["value"] for line in decision.details})
        for decision in lead.decisions.filter(kind=kind).order_by("id")
    ]


def test_a_rule_gives_the_lead_to_whom_it_names(salon, publish):
    publish('RULE "Цены — старшей": IF intent = price_question THEN assign_to = role_senior AND tag = "цена"')
    lead = salon.receives("telegram", PRICE)
    assert lead.owner == salon.svetlana
    assert "цена" in lead.tags
    [(title, lines)] = record(lead, "rule")
    assert title == "Правило «Цены — старшей»"
    assert lines["Версия правил"] == "1"
    assert lines["Условие"] == "чего хочет клиент — вопрос о цене: да"
    [(_, given)] = record(lead, "assigned")
    assert given["Почему"] == "Правило «Цены — старшей»"
    assert given["→ Светлана"].startswith("единственный свободный")
    assert "Анна" in given


def test_a_lead_that_no_rule_takes_goes_the_usual_way(salon, publish):
    publish("IF intent = complaint THEN assign_to = senior")
    assert salon.receives("telegram", HOT).owner in (salon.anna, salon.boris)
    assert record(salon.lead(), "rule") == []


def test_the_trades_own_rule_from_lead_to_task(salon, clock, publish):
    """Nobody of the queue: the usual people. Unanswered for a minute: the backup; that one away: the task."""
    Queue.objects.create(key="barbers", name="Барберы", members=[salon.boris.pk])
    settings = BusinessSettings.objects.get()
    settings.backup_staff = salon.svetlana
    settings.save()
    publish(
        'IF source = Instagram AND service = "Маникюр" AND customer_status = "новый"'
        " THEN assign_to = queue_barbers_round_robin"
        " ELSE IF response_time > 60s THEN reassign_to = backup_manager"
        ' ELSE create_task = "Перезвонить"'
    )
    lead = salon.receives("telegram", PRICE)
    assert lead.owner is None  # of Telegram: the second branch is reached and waits
    clock.tick(seconds=59)
    clock.settle()
    assert salon.lead().owner is None
    clock.tick(seconds=2)
    clock.settle()
    assert salon.lead().owner == salon.svetlana
    assert record(salon.lead(), "rule")[-1][1]["Условие"].startswith("сколько клиент ждёт ответа человека > 60 с: да")
    assert not Task.objects.exists()


def test_the_final_else_when_the_clocks_action_cannot_be_done(salon, clock, publish):
    StaffMember.objects.filter(name="Светлана").update(is_away=True)
    publish(
        "IF temperature = hot AND intent = complaint THEN stop"
        ' ELSE IF response_time > 60s THEN reassign_to = "Светлана" ELSE create_task = "Перезвонить"'
    )
    salon.receives("telegram", PRICE)
    clock.tick(seconds=61)
    clock.settle()
    assert salon.lead().owner is None
    assert Task.objects.get().title.startswith("Перезвонить")
    assert any(title == "По правилу передать некому" for title, _ in record(salon.lead(), "assigned"))


def test_a_person_who_took_the_lead_stops_the_rules_clock(salon, clock, publish):
    publish("IF response_time > 60s THEN reassign_to = senior")
    lead = salon.receives("telegram", PRICE)
    assignment.take(lead, by=salon.anna, now=clock.now())
    clock.tick(seconds=120)
    clock.settle()
    assert salon.lead().owner == salon.anna


def test_the_first_rule_wins_and_the_loser_is_told(salon, publish):
    publish(
        'RULE "Первое": IF intent = price_question THEN assign_to = "Анна"\n'
        'RULE "Второе": IF score > 0 THEN assign_to = "Борис"\n'
        'RULE "Третье": IF score > 0 THEN tag = "все" AND stop\n'
        'RULE "Четвёртое": IF score > 0 THEN tag = "никогда"\n'
        'RULE "Выключенное" OFF: IF score > 0 THEN tag = "выключено"\n'
        'RULE "Другое событие" ON owner_silent: IF score > 0 THEN tag = "событие"\n'
    )
    lead = salon.receives("telegram", PRICE)
    assert lead.owner == salon.anna
    assert "все" in lead.tags
    assert not {"никогда", "выключено", "событие"} & set(lead.tags)
    titles = [title for title, _ in record(lead, "rule")]
    assert titles == ["Правило «Первое»", "Правило «Второе»", "Правило «Третье»"]
    assert record(lead, "rule")[1][1]["Итог"] == "уже решило правило выше"


def test_notices_tasks_priority_and_replies_come_once(salon, clock, publish):
    publish(
        'RULE "Всё": IF score > 0 THEN notify = role_owner AND create_task = "Проверить цену" AND priority = high'
        " AND reply = vip_offer"
    )
    MessageTemplate.objects.create(key="vip_offer", text="Для вас у нас есть особое предложение.")
    salon.receives("telegram", PRICE)
    clock.tick(seconds=30)
    lead = salon.receives("telegram", "А педикюр?")
    assert lead.priority == 1
    assert Task.objects.filter(lead=lead, title="Проверить цену").count() == 1
    assert Notice.objects.filter(staff=salon.person("Виктор"), kind="rule").count() == 1
    assert salon.heard().count("Для вас у нас есть особое предложение.") == 1


def test_rules_without_names_each_do_their_part_and_are_told_apart(salon, publish):
    publish("ЕСЛИ балл > 0 ТО сообщить = роль_владелец\nЕСЛИ балл > 1 ТО сообщить = роль_владелец")
    lead = salon.receives("telegram", PRICE)
    assert Notice.objects.filter(staff=salon.person("Виктор"), kind="rule").count() == 2
    assert [title for title, _ in record(lead, "rule")] == ["Правило «балл > 0»", "Правило «балл > 1»"]


def test_quarantine_by_rule_gives_it_to_nobody(salon, publish):
    publish('IF service = "Маникюр" THEN quarantine')
    lead = salon.receives("telegram", PRICE)
    assert (lead.status, lead.owner) == (Lead.Status.QUARANTINE, None)


def test_facts_of_place_origin_and_status(salon, publish):
    publish(
        'RULE "Дёма": IF district CONTAINS дём AND geo = city THEN tag = "дёма"\n'
        'RULE "Новый": IF customer_status = новый AND NOT customer_status = vip THEN tag = "новый"\n'
        'RULE "Часы": IF time = рабочее AND time = будни AND hour >= 9 THEN tag = "часы"\n'
        'RULE "Без метки": IF utm = нет AND promo НЕ ЗАДАН THEN tag = "без метки"\n'
        'RULE "Свободно": IF load < 50 THEN tag = "свободно"\n'
    )
    lead = salon.receives("telegram", "Здравствуйте, сколько стоит маникюр? Я из Дёмы")
    assert {"дёма", "новый", "часы", "без метки", "свободно"} <= set(lead.tags)


def test_priority_of_a_rule_lifts_a_lead_in_the_inbox_and_the_row_says_so(salon, clock, publish):
    publish(
        'RULE "Срочные имена": IF service = "Маникюр" THEN priority = high\n'
        'RULE "Не к спеху": IF service = "Педикюр" THEN priority = low'
    )
    asked = {number: f"Сколько стоит {what}?" for number, what in ((1, "маникюр"), (2, "укладка"), (3, "педикюр"))}
    for number, text in asked.items():
        salon.receives("telegram", text, client=number)
        clock.tick(seconds=5)
    reader = Member(User.objects.get(email="anna@vesna.test"), salon.tenant, "receptionist")
    rows = queries.inbox_page(reader, view="all", query="", number=1, now=clock.now()).rows
    assert [row.lead_id for row in rows] == [salon.lead(number).pk for number in (1, 2, 3)]  # else the newest is first
    assert [row.rank for row in rows] == sorted(row.rank for row in rows)
    assert [row.is_important for row in rows] == [True, False, False]
    page = salon.browser("anna").get(salon.url("inbox/")).content.decode()
    assert page.count("важная") == 1


def test_a_rule_chooses_how_a_silent_client_is_reminded(salon, clock, publish):
    publish('RULE "Маникюр": IF service = "Маникюр" THEN start_nurture = quick ELSE start_nurture = none')
    salon.receives("telegram", PRICE, client=1)
    salon.receives("telegram", "Сколько стоит укладка?", client=2)
    clock.tick(hours=3, seconds=1)
    clock.settle()
    assert [one.kind for one in salon.lead(1).reminders.all()] == ["follow_1d"]
    clock.tick(days=10)
    clock.settle()
    assert not salon.lead(2).reminders.exists()
    assert salon.lead(2).status == Lead.Status.OPEN
    assert salon.lead(1).status == Lead.Status.NURTURE


def test_a_rule_that_holds_again_in_the_same_way_is_told_once(salon, clock, publish):
    publish('RULE "Цена": IF intent = price_question THEN tag = "цена"')
    salon.receives("telegram", PRICE)
    clock.tick(seconds=30)
    lead = salon.receives("telegram", "А педикюр сколько?")
    assert len(record(lead, "rule")) == 1


def test_quarantine_by_rule_takes_nothing_from_who_works_on_it(salon, clock, publish):
    publish('IF service = "Маникюр" THEN quarantine')
    lead = salon.receives("telegram", "Сколько стоит укладка?")
    assignment.take(lead, by=salon.anna, now=clock.now())
    clock.tick(seconds=30)
    assert salon.receives("telegram", PRICE).status == Lead.Status.OPEN


def test_a_complaint_is_at_its_stage_when_rules_ask_for_its_people(salon, publish):
    """The matrix's R is that of complaints, the rule's choice is not overruled by the usual hand-over."""
    publish('RULE "Жалобы": IF intent = complaint THEN assign_to = matrix_A AND tag = "жалоба"')
    lead = salon.receives("telegram", "Ужасно подстригли, требую вернуть деньги!")
    assert (lead.stage, lead.owner) == ("complaint", salon.person("Виктор"))
    assert len(record(lead, "assigned")) == 1
    assert lead.conversation.needs_person


def test_the_language_a_client_writes_in_is_a_fact(salon, publish):
    publish('RULE "Гости": IF language = английский THEN tag = "eng" ELSE IF language = "не русский" THEN tag = "иной"')
    assert "eng" in salon.receives("telegram", "Hello! I would like to book a haircut", client=1).tags
    assert "иной" in salon.receives("telegram", "Исәнмесез, маникюр бәясе күпме?", client=2).tags
    assert not {"eng", "иной"} & set(salon.receives("telegram", PRICE, client=3).tags)


# --- Versions -------------------------------------------------------------------------------------------------------


def test_draft_publish_and_roll_back(salon, clock, publish):
    first = publish("IF score > 0 THEN tag = a")
    second = publish("IF score > 0 THEN tag = b")
    first.refresh_from_db()
    assert (first.number, first.status, second.number, second.status) == (1, "retired", 2, "published")
    again = rulesets.roll_back(1, by="Мила", now=clock.now() + timedelta(minutes=1))
    assert (again.number, again.text, again.published_by, again.note) == (3, first.text, "Мила", "как в версии 1")
    assert "a" in salon.receives("telegram", PRICE).tags


def test_a_draft_that_cannot_be_read_changes_nothing(salon, clock):
    rulesets.save_draft("IF score > 0 THEN stop", by=BY, now=clock.now())
    with pytest.raises(RulesWrong) as wrong:
        rulesets.save_draft("IF score > THEN stop", by=BY, now=clock.now())
    assert "строка 1, столбец 12" in str(wrong.value)
    assert RuleSet.objects.get().text == "IF score > 0\nTHEN stop\n"


def test_rules_that_name_nobody_are_not_published(salon, clock):
    rulesets.save_draft(
        'RULE "Барберам": IF score > 0 THEN assign_to = queue_barbers ELSE notify = "Кто-то"', by=BY, now=clock.now()
    )
    with pytest.raises(RulesWrong) as wrong:
        rulesets.publish(by=BY, now=clock.now())
    assert "правило «Барберам»: некому отдать «queue_barbers»" in str(wrong.value)
    assert "«Кто-то»" in str(wrong.value)
    assert RuleSet.objects.get().status == "draft"


def test_the_neighbours_rules_are_the_neighbours(salon, neighbour, publish):
    publish('IF score > 0 THEN tag = "наше"')
    with neighbour.inside():
        assert not RuleSet.objects.exists()
        assert "наше" not in neighbour.receives("telegram", PRICE).tags


# --- Events ---------------------------------------------------------------------------------------------------------


def test_a_silent_person_loses_the_lead_by_a_rule(salon, clock, publish):
    publish('RULE "Молчит" ON owner_silent: IF score > 0 THEN reassign_to = senior AND tag = "молчали"')
    lead = salon.receives("telegram", HOT)
    assignment.take(lead, by=salon.anna, now=clock.now())
    clock.tick(seconds=181)
    lead = salon.lead()
    assert (lead.owner, lead.taken_at, lead.clock) == (salon.svetlana, None, "take")
    assert lead.conversation.held_by is None
    assert "молчали" in lead.tags


def test_a_lead_that_nobody_took_goes_where_the_rule_says(salon, clock, publish):
    publish("RULE ON timer_due: IF temperature = hot THEN reassign_to = senior")
    lead = salon.receives("telegram", HOT)
    assert lead.owner in (salon.anna, salon.boris)
    clock.tick(seconds=61)
    assert salon.lead().owner == salon.svetlana


def test_a_confirmed_visit_tells_whom_the_rule_names(salon, clock, publish):
    publish("RULE ON client_confirmed: IF channel = telegram THEN notify = owner AND tag = confirmed")
    salon.receives("telegram", HOT)
    for text in ("второе", "Анна, 8 901 000 12 34", "да, согласна"):
        clock.tick(seconds=2)
        salon.receives("telegram", text)
    visit = Appointment.objects.get(status="booked")
    assert "confirmed" not in salon.lead().tags
    actions.confirm(visit, now=clock.now())
    clock.settle()
    assert "confirmed" in salon.lead().tags
    assert Notice.objects.filter(staff=salon.person("Виктор"), kind="rule").count() == 1


def test_a_lead_does_not_go_to_and_fro_with_every_message(salon, clock, publish):
    publish("IF score > 0 THEN reassign_to = receptionist")
    first = salon.receives("telegram", PRICE).owner
    assert first in (salon.anna, salon.boris)
    for text in ("А педикюр?", "А окрашивание?"):
        clock.tick(seconds=5)
        assert salon.receives("telegram", text).owner == first


def test_who_took_the_lead_keeps_it_whatever_the_client_writes(salon, clock, publish):
    publish("IF emotion = angry THEN escalate_to = senior")
    lead = salon.receives("telegram", PRICE)
    assignment.take(lead, by=salon.anna, now=clock.now())
    salon.receives("telegram", "Да вы издеваетесь, сколько можно ждать ответа?!")
    assert salon.lead().owner == salon.anna
