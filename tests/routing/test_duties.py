"""The matrix at work: stages, and who does, answers, advises and hears of each."""

import copy
from datetime import timedelta

import pytest

from booking import actions as booking
from booking.models import Appointment
from channels_app.models import Notice
from routing import assignment, config, duties, outcomes, record
from routing.duties import Facts, is_done, stage_of
from routing.models import Lead
from tenants.access import Member
from tenants.business import responsibility
from tenants.business.models import Branch
from tests.world import MATRIX

HOT = "Можно завтра на окрашивание к Ольге после 15?"


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        (Facts("first_contact", "open"), "first_contact"),
        (Facts("first_contact", "open", intent="other"), "first_contact"),
        (Facts("first_contact", "open", intent="price_question"), "qualification"),
        (Facts("first_contact", "open", intent="booking", said="booking"), "booking"),
        (Facts("booking", "open", said="qualification"), "qualification"),
        (Facts("booking", "needs_call", said="complaint"), "complaint"),
        (Facts("complaint", "open", said="booking"), "complaint"),  # it stays one until somebody ends it
        (Facts("complaint", "open", visit="booked"), "complaint"),
        (Facts("complaint", "closed", said="booking"), "complaint"),
        (Facts("data_request", "open", intent="booking"), "data_request"),
        (Facts("booking", "open", visit="booked"), "confirmation"),
        (Facts("confirmation", "booked", visit="confirmed"), "reminder"),
        (Facts("reminder", "booked", said="confirmation"), "reminder"),  # a booked client's small talk moves nothing
        (Facts("reminder", "booked", visit="no_show"), "no_show"),
        (Facts("no_show", "booked", visit="arrived"), "reminder"),
        (Facts("reminder", "booked", visit="cancelled"), "booking"),
        (Facts("qualification", "nurture"), "nurture"),
        (Facts("qualification", "quarantine", intent="spam"), "qualification"),
    ],
)
def test_stage_follows_from_what_is_known(facts, stage):
    assert stage_of(facts) == stage


@pytest.mark.parametrize(
    ("was", "becomes", "done"),
    [
        ("first_contact", "booking", True),
        ("booking", "qualification", False),
        ("booking", "complaint", False),
        ("complaint", "confirmation", True),
        ("reminder", "no_show", False),
        ("no_show", "booking", True),
        ("qualification", "nurture", False),
        ("nurture", "booking", True),
    ],
)
def test_stage_left_forward_is_done(was, becomes, done):
    assert is_done(was, becomes) is done


def test_stages_have_no_other_order_than_the_matrix():
    assert set(duties.AFTER_VISIT.values()) <= set(MATRIX)
    assert {*duties.PATH, *duties.ASIDE, "no_show", "nurture"} == set(MATRIX)


# --- Stories ---------------------------------------------------------------------------------------------------------


def matrix(salon, **stages):
    """The salon's matrix with some rows changed: matrix(salon, booking={"owner": "I"})."""
    cells = copy.deepcopy(MATRIX)
    for stage, letters in stages.items():
        cells[stage].update(letters)
    responsibility.save_matrix(cells, by=None, now=salon.clock.now())


def told(kind, person=None):
    rows = Notice.objects.filter(kind=kind, **({"staff": person} if person else {})).order_by("pk")
    return [notice.text for notice in rows]


def moves(lead):
    lines = Lead.objects.get(pk=lead.pk).decisions.filter(kind="stage").order_by("pk")
    return [(facts["from"], facts["to"]) for facts in (record.facts_of(line.details) for line in lines)]


def visit(salon, lead, *, hours=26):
    start = salon.clock.now().replace(minute=0) + timedelta(hours=hours)
    row = booking.book_now(
        lead.contact,
        [salon.service("Окрашивание").pk],
        salon.olga.pk,
        salon.branch.pk,
        start,
        conversation=lead.conversation,
        lead_id=lead.pk,
        now=salon.clock.now(),
    )
    salon.clock.settle()
    return row


def as_member(salon, name):
    staff = salon.person(name)
    return Member(staff.user, salon.tenant, staff.role)


def test_lead_goes_its_way_and_every_step_stands_in_its_record(salon, clock):
    lead = salon.receives("telegram", "Здравствуйте")
    assert lead.stage == "first_contact"
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    assert lead.stage == "qualification"
    row = visit(salon, lead)
    assert salon.lead().stage == "confirmation"
    booking.confirm(row, now=clock.now())
    clock.settle()
    assert salon.lead().stage == "reminder"
    clock.tick(hours=28)
    booking.mark_no_show(Appointment.objects.get(pk=row.pk), now=clock.now())
    clock.settle()
    assert salon.lead().stage == "no_show"
    assert [becomes for _, becomes in moves(lead)] == ["qualification", "confirmation", "reminder", "no_show"]
    titles = list(salon.lead().decisions.filter(kind="stage").order_by("pk").values_list("title", flat=True))
    assert titles[0] == "Этап: Первое обращение → Выяснение потребности"


def test_those_who_advise_are_asked_once_when_a_person_gets_the_lead(salon, clock, neighbour):
    lead = salon.receives("telegram", HOT)  # to Anna or Boris, in the stage of booking; C: specialists
    assert lead.stage == "booking"
    [text] = told("consult", salon.olga)
    assert text.startswith("Нужен ваш совет, этап «Запись»")
    assert told("consult", salon.marina) == []  # nails: of no use to a colouring
    clock.tick(seconds=61)  # the next person gets it
    assignment.take(salon.lead(), by=salon.lead().owner, now=clock.now())
    assert len(told("consult")) == 1
    asked = salon.lead().decisions.get(kind="asked")
    assert asked.title == "Спросили совета: Ольга"
    with neighbour.inside():
        assert Notice.objects.count() == 0


def test_nobody_is_asked_while_the_assistant_leads(salon):
    salon.receives("telegram", "Сколько стоит маникюр?")
    assert told("consult") == []


def test_those_to_be_told_hear_of_several_stages_at_once_and_only_once(salon, clock):
    matrix(salon, qualification={"owner": "I"}, booking={"owner": "I"})
    salon.receives("telegram", "Здравствуйте")
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    visit(salon, lead)
    assert told("informed") == []
    clock.tick(minutes=2)
    viktor = salon.person("Виктор")
    [text] = told("informed", viktor)
    assert text.startswith("Готово: «Первое обращение», «Выяснение потребности», записан")
    assert salon.lead().decisions.get(kind="informed").title == "Итог узнали: Виктор"
    duties.inform(lead.pk, now=clock.now())
    assert len(told("informed")) == 1


def test_complaint_closed_is_told_to_those_who_hear_of_it(salon, clock):
    matrix(salon, complaint={"receptionist": "I"})
    lead = salon.receives("telegram", "Мне испортили волосы! Верните деньги, это кошмар!")
    lead = salon.receives("telegram", "Запишите меня на маникюр тогда")
    assert lead.stage == "complaint"
    outcomes.finish(lead, "refused", by=as_member(salon, "Светлана"), why="Вернули деньги", now=clock.now())
    clock.tick(minutes=2)
    assert {notice.staff.name for notice in Notice.objects.filter(kind="informed")} >= {"Анна", "Борис"}
    assert any("«Жалоба»" in text for text in told("informed", salon.anna))


def test_test_lead_tells_nobody_of_its_end(salon, clock):
    lead = salon.receives("telegram", "Здравствуйте")
    Lead.objects.filter(pk=lead.pk).update(is_test=True)
    lead.refresh_from_db()
    duties.done(lead, why="проверка", now=clock.now())
    clock.tick(minutes=2)
    assert told("informed") == []


def test_accountable_hear_of_every_breach_and_the_record_keeps_its_facts(salon, clock):
    lead = salon.receives("telegram", HOT)
    first = lead.owner
    clock.tick(seconds=61)
    assert told("breach", salon.svetlana) == [f"{first.name}: не взята за 60 с · Окрашивание, завтра после 15"]
    line = salon.lead().decisions.get(kind="breach")
    facts = record.facts_of(line.details)
    assert (facts["stage"], facts["clock"], facts["staff"], facts["role"]) == ("booking", "take", first.pk, "senior")
    assert [(detail["name"], detail["value"]) for detail in line.details] == [
        ("Срок", "взять заявку"),
        ("Этап", "Запись"),
        ("Отвечает", "Светлана"),
    ]


def test_no_clock_is_broken_unheard(salon, clock):
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    lead.owner = salon.anna
    for name in duties.CLOCK_TITLES:
        duties.note_breach(lead, f"Вышел срок: {name}", clock=name, now=clock.now())
    assert len(told("breach", salon.svetlana)) == len(duties.CLOCK_TITLES)
    lines = [record.facts_of(line.details) for line in lead.decisions.filter(kind="breach")]
    whose = {facts["clock"] for facts in lines if facts["staff"] == salon.anna.pk}
    assert whose == {"take", "person", "silence"}
    assert lead.breaches == len(lines)


def test_lead_that_is_not_booked_in_its_hour_is_told_to_the_accountable(salon, clock):
    salon.receives("telegram", "Сколько стоит маникюр?")
    clock.tick(minutes=61)
    heard = told("breach", salon.svetlana)
    assert heard[-1] == "Заявка не доведена до записи вовремя · Маникюр"
    assert sum("не взята" in text for text in heard) == 1  # though it went through three hands
    last = salon.lead().decisions.filter(kind="breach").latest("pk")
    assert record.facts_of(last.details)["clock"] == "confirm"


def test_nurture_goes_to_marketing_with_its_campaign(salon, clock):
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    Lead.objects.filter(pk=lead.pk).update(utm_source="vk", utm_medium="cpc", utm_campaign="spring", promo="ВЕСНА")
    for days in (1, 2, 4):
        clock.tick(days=days)
    lead = salon.lead()
    assert (lead.status, lead.stage) == ("nurture", "nurture")
    mila = salon.person("Мила")
    [text] = told("nurture", mila)
    assert "vk / cpc / spring, промокод ВЕСНА" in text
    line = lead.decisions.get(kind="handed")
    assert line.title == "Передано: Мила"
    assert {"name": "Кампания", "value": "spring"} in line.details


def test_work_of_a_stage_that_only_the_assistant_does_goes_to_who_answers_for_it(salon, clock):
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    assert duties.doers(lead, "reminder") == [salon.svetlana]
    assert duties.doers(lead, "no_show") == [salon.anna, salon.boris]


def test_client_who_did_not_come_is_the_work_of_that_stage_until_booked_again(salon, clock):
    matrix(salon, no_show={"owner": "I"})
    lead = salon.receives("telegram", "Сколько стоит окрашивание?")
    row = visit(salon, lead, hours=3)
    clock.tick(hours=6)
    booking.mark_no_show(Appointment.objects.get(pk=row.pk), now=clock.now())
    clock.settle()
    assert len(told("no_show", salon.anna)) == len(told("no_show", salon.boris)) == 1
    assert lead.tasks.filter(done_at=None).count() == 1  # here nobody but people brings clients back
    again = salon.receives("telegram", "Извините, не смогла. Хочу на окрашивание послезавтра в 16:00")
    visit(salon, again, hours=48)
    assert Lead.objects.get(pk=lead.pk).stage == "booking"
    clock.tick(minutes=2)
    assert any("«Не пришёл»" in text for text in told("informed", salon.person("Виктор")))


def test_visit_that_nobody_confirmed_is_a_call_for_those_who_confirm(salon, clock):
    lead = salon.receives("telegram", "Сколько стоит окрашивание?")
    visit(salon, lead, hours=4)
    clock.tick(hours=2)
    assert {notice.staff.name for notice in Notice.objects.filter(kind="task")} == {"Анна", "Борис"}
    assert lead.tasks.filter(done_at=None).count() == 1


def test_people_of_a_role_in_a_branch_or_anywhere(salon):
    def receptionists(branch):
        config.forget_all()
        return config.load().people(["receptionist", "assistant"], branch.pk)

    home = salon.branch
    other = Branch.objects.create(name="На Мира", city="ufa", address="-", timezone="Asia/Yekaterinburg")
    assert receptionists(home) == receptionists(other) == [salon.anna, salon.boris]
    boris = salon.boris
    boris.branch = other
    boris.save()
    assert receptionists(other) == [boris]
