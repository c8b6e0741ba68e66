"""The path of a lead, from the client's message on, with the outside played by the sandbox."""

from datetime import timedelta

import pytest

from booking.models import Appointment
from channels_app.models import Delivery, Notice
from contacts.models import Contact, Conversation
from leadhub.work.models import DueWork
from routing import assignment, leads
from routing.models import Lead
from tenants.business.models import Branch, BusinessSettings

HOT = "Здравствуйте! Хочу записаться на окрашивание к Ольге завтра после 15"


@pytest.fixture(autouse=True)
def _outside(outside):
    """Every story needs the messenger."""


def notices(person):
    return list(Notice.objects.filter(staff=person).order_by("id").values_list("text", flat=True))


def record(lead):
    return [decision.title for decision in lead.decisions.order_by("id")]


def test_client_is_answered_scored_and_booked(salon, clock, outside):
    lead = salon.receives("telegram", HOT)
    assert (lead.intent, lead.temperature, lead.service.name) == ("booking", "hot", "Окрашивание")
    assert lead.score == sum(part["points"] for part in lead.score_parts)
    assert {"tg", "hot", "волосы"} <= set(lead.tags)
    assert lead.first_answer_by == "assistant"
    assert (lead.first_answer_at - lead.created_at).total_seconds() <= 3
    [sent] = [chat for chat in outside.log("telegram") if chat["method"] == "sendMessage"]
    assert "Ольга" in sent["body"]["text"]

    for text in ("второе", "Анна, 8 901 000 12 34", "да, согласна"):
        clock.tick(seconds=2)
        lead = salon.receives("telegram", text)
        assert lead.intent == "booking"  # a phone that was asked for is no request to call

    [visit] = Appointment.objects.filter(status="booked")
    assert visit.staff == salon.olga
    assert visit.contact.name == "Анна"
    assert visit.contact.phone == "+79010001234"
    assert visit.contact.consents.count() == 1
    assert "Окрашивание" in salon.heard()[-1]
    assert "Ольга" in salon.heard()[-1]
    assert lead.status == Lead.Status.BOOKED
    assert lead.outcome_at == clock.now()
    assert any(title.startswith("Балл") for title in record(lead))
    assert {delivery.status for delivery in Delivery.objects.all()} == {"sent"}


def test_hot_lead_nobody_takes_goes_round_and_ends_as_a_call(salon, clock):
    lead = salon.receives("telegram", HOT)
    first = lead.owner
    assert first in (salon.anna, salon.boris)
    assert notices(first) == ["Горячая заявка: Окрашивание, завтра после 15"]

    clock.tick(seconds=59)
    assert salon.lead().owner == first
    clock.tick(seconds=2)
    lead = salon.lead()
    assert lead.owner != first
    assert lead.owner in (salon.anna, salon.boris)
    assert "не взята за 60 с" in notices(first)[-1]

    clock.tick(seconds=60)
    assert salon.lead().owner == salon.svetlana  # the backup

    clock.tick(seconds=60)
    lead = salon.lead()
    assert lead.status == Lead.Status.NEEDS_CALL
    [task] = lead.tasks.all()
    assert task.title.startswith("Перезвонить")
    assert lead.breaches == 3
    assert any("Нужен звонок" in text for text in notices(salon.svetlana))


def test_taking_stops_the_clock_and_silences_the_assistant(salon, clock):
    lead = salon.receives("telegram", HOT)
    taken = assignment.take(lead, by=salon.anna, now=clock.now())
    said = len(salon.heard())
    clock.tick(seconds=65)
    lead = salon.receives("telegram", "Ну что там?")
    assert lead.owner == salon.anna
    assert taken.taken_at
    assert len(salon.heard()) == said
    with pytest.raises(assignment.AlreadyTaken, match="Анна"):
        assignment.take(lead, by=salon.boris, now=clock.now())


def test_handed_back_the_assistant_goes_on(salon, clock):
    lead = salon.receives("telegram", HOT)
    assignment.take(lead, by=salon.anna, now=clock.now())
    assignment.hand_back(lead, by=salon.anna, now=clock.now())
    clock.tick(seconds=3)
    salon.receives("telegram", "давайте первое")
    assert "Держим для вас время" in salon.heard()[-1]


def test_person_who_took_and_does_not_answer_loses_it_after_three_minutes(salon, clock):
    lead = salon.receives("telegram", HOT)
    first = lead.owner
    assignment.take(lead, by=first, now=clock.now())
    clock.tick(seconds=181)
    lead = salon.lead()
    assert lead.owner != first
    assert lead.conversation.held_by is None


def test_spam_is_quarantined_unanswered_and_can_be_released(salon, clock):
    lead = salon.receives(
        "telegram", "Продвижение сайтов, SEO под ключ! Заработок от 5000 в день, пишите в личку t.me/xxx"
    )
    assert lead.status == Lead.Status.QUARANTINE
    assert salon.heard() == []
    assert lead.owner is None
    leads.release(lead, by=salon.anna, now=clock.now())
    clock.settle()
    assert salon.lead().status == Lead.Status.OPEN
    assert len(salon.heard()) == 1


def test_complaint_goes_past_the_score_to_the_senior(salon, clock):
    lead = salon.receives("telegram", "Мне испортили волосы! Верните деньги, это кошмар!")
    assert lead.intent == "complaint"
    assert lead.owner == salon.svetlana
    assert lead.stage == "complaint"


def test_warm_question_gets_its_price_and_stays_with_the_assistant(salon, clock):
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    assert lead.intent == "price_question"
    assert lead.temperature == "warm"
    assert "1\u202f800" in salon.heard()[-1]
    assert lead.owner is None


def test_booked_lead_is_not_chased(salon, clock):
    for text in (HOT, "первое", "Анна, 8 901 000 12 34", "да, согласна"):
        clock.tick(seconds=2)
        salon.receives("telegram", text)
    lead = salon.lead()
    clock.tick(minutes=70)
    lead.refresh_from_db()
    assert lead.status == Lead.Status.BOOKED
    assert lead.breaches == 0
    assert not lead.tasks.exists()


def test_message_at_night_is_answered_at_once_and_people_are_given_till_morning(salon, clock):
    clock.tick(hours=12)  # midnight in Ufa
    lead = salon.receives("telegram", HOT)
    assert lead.first_answer_at == clock.now()
    assert lead.clock == "take"
    assert lead.clock_due_at.astimezone(salon.branch.zone).hour == 9


def test_neighbour_sees_nothing_of_it(salon, neighbour, clock):
    salon.receives("telegram", HOT)
    with neighbour.inside():
        assert Lead.objects.count() == 0
        assert Notice.objects.count() == 0
        assert Delivery.objects.count() == 0


def test_engine_that_stumbles_costs_the_client_no_answer(salon, clock, monkeypatch):
    def stumble(*args, **more):
        raise KeyError("odd")

    monkeypatch.setattr("routing.pipeline.understand", stumble)
    lead = salon.receives("telegram", HOT)
    assert len(salon.heard()) == 1
    assert "разобрать не удалось" in str(lead.decisions.first().details)


def test_booked_client_who_complains_gets_a_person(salon, clock):
    for text in (HOT, "первое", "Анна, 8 901 000 12 34", "да, согласна"):
        clock.tick(seconds=2)
        salon.receives("telegram", text)
    clock.tick(minutes=5)
    lead = salon.receives("telegram", "Мне нахамили по телефону! Ужасный сервис, верните деньги!")
    assert lead.status == Lead.Status.OPEN
    assert lead.owner == salon.svetlana
    assert lead.clock == "take"
    assert Appointment.objects.get().status == "booked"


def test_burst_of_five_messages_is_one_lead_and_gets_one_answer(salon, clock):
    BusinessSettings.objects.update(burst_window_ms=1000, burst_limit_ms=2500)
    for text in ("Здравствуйте", "хочу записаться", "на окрашивание", "завтра", "после 15"):
        assert salon.post("telegram", text).status_code == 200
        clock.tick(milliseconds=200)
    assert salon.heard() == []
    clock.tick(seconds=1)
    assert len(salon.heard()) == 1
    assert "Окрашивание" in salon.heard()[0]
    assert (Contact.objects.count(), Conversation.objects.count(), Lead.objects.count()) == (1, 1, 1)
    assert salon.lead().service.name == "Окрашивание"


def test_second_burst_of_a_client_goes_on_with_the_lead_of_the_first(salon, clock):
    BusinessSettings.objects.update(burst_window_ms=1000, burst_limit_ms=2500)
    for text in ("хочу записаться на окрашивание", "завтра после 15"):
        salon.post("telegram", text)
        clock.tick(seconds=2)
    assert (Lead.objects.count(), len(salon.heard())) == (1, 2)


def test_client_who_is_erased_within_the_burst_is_forgotten_quietly(salon, clock):
    BusinessSettings.objects.update(burst_window_ms=1000, burst_limit_ms=2500)
    salon.post("telegram", "хочу записаться")
    clock.settle()
    Conversation.objects.all().delete()
    clock.tick(seconds=2)
    assert Lead.objects.count() == 0
    assert not DueWork.objects.filter(handler="routing.answer").exists()


def test_client_who_never_stops_writing_is_answered_within_the_limit(salon, clock):
    BusinessSettings.objects.update(burst_window_ms=1000, burst_limit_ms=2500)
    for _ in range(6):
        salon.post("telegram", "и ещё вопрос про окрашивание")
        clock.tick(milliseconds=500)
    assert len(salon.heard()) == 1


def test_client_moves_her_visit_by_half_an_hour_over_its_old_time(salon, clock):
    for text in (HOT, "первое", "Анна, 8 901 000 12 34", "да, согласна"):
        clock.tick(seconds=2)
        salon.receives("telegram", text)
    visit = Appointment.objects.get(status="booked")
    later = visit.starts_at + timedelta(minutes=30)
    assert later < visit.ends_at
    clock.tick(minutes=5)
    said = f"{later.astimezone(salon.branch.zone):%H:%M}"
    salon.receives("telegram", f"Перенесите мою запись на завтра на {said}")
    visit.refresh_from_db()
    assert (visit.starts_at, visit.revision, visit.status) == (later, 1, "booked")
    assert said in salon.heard()[-1]

    clock.tick(minutes=5)
    salon.receives("telegram", "Хочу перенести запись")
    clock.tick(seconds=5)
    earlier = later - timedelta(minutes=30)
    salon.receives("telegram", f"завтра в {earlier.astimezone(salon.branch.zone):%H:%M}")
    visit.refresh_from_db()
    assert (visit.starts_at, visit.revision) == (earlier, 2)
    assert Appointment.objects.filter(status__in=["hold", "booked", "confirmed"]).count() == 1


def test_client_who_moves_her_visit_is_not_offered_the_time_it_has(salon, clock):
    for text in (HOT, "первое", "Анна, 8 901 000 12 34", "да, согласна"):
        clock.tick(seconds=2)
        salon.receives("telegram", text)
    visit = Appointment.objects.get(status="booked")
    now_at = f"{visit.starts_at.astimezone(salon.branch.zone):%H:%M}"
    clock.tick(minutes=5)
    salon.receives("telegram", f"Перенесите мою запись на завтра на {now_at}")
    visit.refresh_from_db()
    assert visit.revision == 0
    offered = [opening["start"] for opening in salon.lead().conversation.state["dialogue"]["offered"]]
    assert offered
    assert visit.starts_at.isoformat() not in offered


def test_the_branch_near_the_place_that_the_client_names(salon, clock):
    first = salon.branch
    second = Branch.objects.create(
        name="Весна в Сипайлово",
        city="ufa",
        address="Уфа, ул. Баязита Бикбая, 5",
        timezone="Asia/Yekaterinburg",
        districts=["Черниковка"],
    )
    wanted = {
        "Здравствуйте! Сколько стоит маникюр? Мне удобнее в Черниковке": second,  # said by the owner
        "А у вас есть что-нибудь ближе к Инорсу?": second,  # the nearest
        "Или в Дёме, там я работаю": first,
        "А парковка есть?": first,  # it stays
        "Я живу в Лесном": first,  # nobody knows where that is
    }
    for text, branch in wanted.items():
        clock.tick(seconds=5)
        salon.receives("telegram", text)
        assert Conversation.objects.get().branch == branch, text
