"""Visits for others and with others, regular clients, namesakes, lateness, and what is offered besides."""

from datetime import datetime, timedelta

import pytest

from assistant import dialogue
from assistant.desk import Booked, StaffInfo
from assistant.understanding import Understanding
from tests.assistant.chat import PHONE, Chat, at, day, known_client
from tests.fakes_desk import NOW, ZONE, FakeDesk

LAST = Booked(9, (3,), ("Маникюр",), 1, "Анна", "Уфа", NOW - timedelta(days=30), NOW, 180_000, "arrived")


def wed(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 25, hour, minute, tzinfo=ZONE)


# --- For somebody else -----------------------------------------------------------------------------------------------


def test_a_visit_for_the_husband_bears_his_name_and_not_the_clients():
    chat = Chat().says("запишите мужа на мужскую стрижку завтра в 15", "booking", service=2, when=at(25, 15))
    assert chat.keys == ["greeting", "opening_held", "ask_guest_name"]
    assert "Как зовут мужа?" in chat.reply
    chat.says("Олег", name="Олег")
    assert chat.keys == ["ask_contact"]
    chat.says("Анна, +7 999 000-12-34", name="Анна", phone=PHONE).says("да")
    assert chat.keys == ["booked_guest"]
    assert "Олег (муж)" in chat.reply
    assert chat.desk.client.name == "Анна"
    assert [each.for_whom for each in chat.desk.booked] == ["Олег (муж)"]


def test_a_known_client_is_asked_the_guests_name_alone():
    chat = Chat(known_client()).says("дочку запишите на маникюр завтра", "booking", service=3, when=day(25)).says("1")
    assert chat.keys == ["opening_held", "ask_guest_name"]
    chat.says("Полина", name="Полина")
    assert chat.keys == ["booked_guest"]
    assert chat.desk.client.name == "Мария"


def test_the_guests_name_said_at_once_is_not_asked():
    chat = Chat(known_client())
    chat.says("запишите дочку Полину на маникюр завтра", "booking", service=3, when=day(25), name="Полину").says("1")
    assert chat.keys == ["booked_guest"]
    assert chat.desk.booked[0].for_whom == "Полина (дочь)"
    assert chat.desk.client.name == "Мария"


def test_the_guest_gets_the_line_that_is_for_such_people():
    chat = Chat().says("запишите мужа на стрижку", "booking", service=1)
    assert chat.state["services"] == [2]


def test_two_people_are_booked_together_or_not_at_all():
    chat = Chat(known_client()).says("меня и мужа на стрижку завтра", "booking", service=1, when=day(25))
    assert chat.keys == ["greeting", "offer_openings"]
    assert (chat.state["services"], chat.state["guest_services"]) == ([1], [2])
    chat.says("первое")
    assert chat.keys == ["held_together", "ask_guest_name"]
    chat.says("Олег", name="Олег")
    assert chat.keys == ["booked_together"]
    mine, his = chat.desk.booked
    assert (mine.service_ids, mine.for_whom) == ((1,), "")
    assert (his.service_ids, his.for_whom) == ((2,), "Олег (муж)")
    assert mine.start == his.start
    assert mine.staff_id != his.staff_id
    assert "Стоимость вместе: 2 400 ₽" in chat.reply


def test_each_of_two_people_gets_what_was_said_of_them():
    chat = Chat().says("мужа на стрижку, а меня на маникюр", "booking", service=(1, 3))
    chat = Chat().says("мы с мужем, мужа на стрижку, а меня на маникюр", "booking", service=(1, 3))
    assert (chat.state["services"], chat.state["guest_services"]) == ([3], [2])


def test_two_are_not_booked_when_one_of_the_times_was_taken_meanwhile():
    chat = Chat(known_client()).says("нас двое, на стрижку завтра", "booking", service=1, when=day(25)).says("первое")
    chat.desk.holds.clear()
    chat.desk.taken = {(1, wed(9)), (2, wed(9))}
    chat.says("Олег", name="Олег")
    assert chat.keys[0] == "opening_taken"
    assert not chat.desk.booked


# --- Regular clients -------------------------------------------------------------------------------------------------


def test_as_usual_is_the_last_visit_and_is_asked_about_first():
    chat = Chat(known_client(past=LAST)).says("запишите как обычно на субботу", "booking", when=day(28, text="субботу"))
    assert chat.keys == ["greeting", "usual_confirm"]
    assert "Маникюр, специалист Анна" in chat.reply
    assert not chat.desk.holds
    chat.says("да")
    assert chat.keys == ["offer_openings"]
    assert all("28 ноября" in label for label in chat.choices[:-1])


def test_as_usual_declined_asks_for_the_service():
    chat = Chat(known_client(past=LAST)).says("как обычно", "booking").says("нет")
    assert chat.keys == ["ask_service"]


def test_as_usual_of_somebody_unknown_tells_nothing():
    chat = Chat().says("как обычно", "booking")
    assert chat.keys == ["greeting", "usual_unknown"]
    chat.says("маникюр", service=3)
    assert chat.keys == ["offer_openings"]


def test_to_the_same_master():
    chat = Chat(known_client(past=LAST)).says("на стрижку к тому же мастеру", "booking", service=1)
    assert {each["staff_id"] for each in chat.state["offered"]} == {1}


def test_as_usual_is_a_booking_whatever_the_engine_made_of_it():
    understanding = Understanding(intent="other", confidence=0.9, intents=("other",))
    assert dialogue.as_answer({}, understanding, "мне как обычно").intent == "booking"


# --- People ----------------------------------------------------------------------------------------------------------

NAMESAKES = (StaffInfo(1, "Ольга Ветрова", "старший стилист"), StaffInfo(2, "Ольга Белова", "парикмахер, Сипайлово"))


def test_namesakes_are_told_apart_by_what_they_do_and_where():
    chat = Chat(FakeDesk(people=NAMESAKES)).says("на стрижку к Ольге завтра", "booking", service=1, when=day(25))
    assert chat.keys == ["greeting", "which_staff"]
    assert "2. Ольга Белова, парикмахер, Сипайлово" in chat.reply
    chat.says("которая в Сипайлово")
    assert chat.keys == ["offer_openings"]
    assert {each["staff_id"] for each in chat.state["offered"]} == {2}


@pytest.mark.parametrize(("text", "staff"), [("1", {1}), ("ко второй", {2}), ("к стилисту", {1})])
def test_a_namesake_is_chosen_in_few_words(text, staff):
    chat = Chat(FakeDesk(people=NAMESAKES)).says("на стрижку к Ольге завтра", "booking", service=1, when=day(25))
    chat.says(text)
    assert {each["staff_id"] for each in chat.state["offered"]} == staff


def test_only_one_of_the_namesakes_does_it():
    chat = Chat(FakeDesk(people=NAMESAKES)).says("на маникюр к Ольге завтра", "booking", service=3, when=day(25))
    assert chat.keys == ["greeting", "offer_openings"]
    assert {each["staff_id"] for each in chat.state["offered"]} == {1}


def test_any_master_drops_the_wish_and_books_nothing():
    chat = Chat().says("на стрижку к Ольге завтра", "booking", service=1, when=day(25))
    chat.says("любой мастер подойдёт")
    assert chat.keys == ["offer_openings"]
    assert chat.state.get("staff_id") is None
    assert not chat.desk.holds


# --- Late ------------------------------------------------------------------------------------------------------------


def booked_chat(**changes) -> Chat:
    return Chat(known_client(**changes)).says("на маникюр завтра", "booking", service=3, when=day(25)).says("1")


def test_a_little_late_is_told_to_the_staff():
    chat = booked_chat().says("опоздаю минут на 10")
    assert chat.keys == ["late_noted"]
    assert chat.desk.late == [(chat.desk.booked[0].id, timedelta(minutes=10))]
    assert not chat.desk.handed


def test_very_late_is_told_too_and_offered_another_time():
    chat = booked_chat().says("ой, опоздаю на час")
    assert chat.keys == ["late_too_much"]
    assert chat.desk.late
    chat.says("да")
    assert chat.keys == ["move_ask_time"]
    chat.says("в субботу в 12", "reschedule", when=at(28, 12, text="в субботу в 12"))
    assert chat.keys == ["moved"]


def test_very_late_and_comes_all_the_same():
    chat = booked_chat().says("опоздаю на час").says("нет, оставьте")
    assert chat.keys == ["visit_kept"]
    assert chat.awaiting == ""


# --- Besides ---------------------------------------------------------------------------------------------------------


def test_what_goes_with_it_is_offered_once_after_the_booking_and_added():
    chat = booked_chat(additions={3: (1, "Заодно и стрижка?")})
    assert chat.keys == ["booked", "upsell_own"]
    assert "Заодно и стрижка?\nЖенская стрижка — 1 500 ₽, 1 час" in chat.reply
    chat.says("да, добавьте")
    assert chat.keys == ["upsell_added"]
    assert chat.desk.booked[0].service_ids == (3, 1)
    assert "3 300 ₽" in chat.reply
    chat.says("спасибо")
    assert chat.keys == ["thanks_reply"]


def test_a_no_is_kept_and_nothing_is_offered_again():
    chat = booked_chat(additions={3: (1, "")})
    assert chat.keys == ["booked", "upsell"]
    chat.says("нет, спасибо")
    assert chat.keys == ["upsell_declined"]
    assert chat.desk.declined == [chat.desk.booked[0].id]
    assert chat.desk.booked[0].service_ids == (3,)


@pytest.mark.parametrize("text", ["подтверждаю, обязательно приду", "спасибо!", "а где вы находитесь?"])
def test_whatever_else_is_said_adds_nothing(text):
    chat = booked_chat(additions={3: (1, "")}).says(text, "consultation" if "?" in text else "other")
    assert not {"upsell", "upsell_added"} & set(chat.keys)
    chat.says("да")
    assert chat.desk.booked[0].service_ids == (3,)


def test_nothing_is_offered_to_who_finds_it_dear_or_books_for_another():
    desk = known_client(additions={3: (1, "")})
    chat = Chat(desk).says("дочку Полину запишите на маникюр завтра", "booking", service=3, when=day(25), name="Полину")
    chat.says("1")
    assert chat.keys == ["booked_guest"]


def test_what_was_offered_is_gone():
    chat = booked_chat(additions={3: (1, "")})
    chat.desk.taken = {(1, chat.desk.booked[0].end)}
    chat.says("да")
    assert chat.keys == ["upsell_gone"]


# --- Going on --------------------------------------------------------------------------------------------------------


def as_meant(state: dict, intent: str, text: str, **slots) -> str:
    return dialogue.as_answer(state, Understanding(intent, 0.9, (intent,), **slots), text).intent


def test_a_short_question_after_a_price_asks_for_another_price():
    chat = Chat().says("сколько стоит стрижка", "price_question", service=1)
    assert as_meant(chat.state, "consultation", "а маникюр?") == "price_question"
    assert as_meant({}, "consultation", "а маникюр?") == "consultation"
    assert as_meant(chat.state, "promo_question", "а скидки есть?") == "promo_question"


def test_another_time_is_no_question_for_a_person():
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    assert as_meant(chat.state, "consultation", "а другое время есть?") == "booking"
    assert as_meant(chat.state, "consultation", "а к Ольге?") == "booking"
    assert as_meant(chat.state, "consultation", "а где вы находитесь?") == "consultation"


def test_price_found_dear_is_answered_by_what_is_in_force():
    chat = Chat(FakeDesk(promos=["Скидка 10 % по будням"])).says("почём маникюр", "price_question", service=3)
    chat.says("что-то дорого", "price_question", confidence=0.3)
    assert chat.keys == ["promos", "offer_booking"]
    chat = Chat().says("почём маникюр", "price_question", service=3).says("дорого", "other", confidence=0.3)
    assert chat.keys == ["price_dear", "offer_booking"]


def test_a_word_that_asks_for_nothing_calls_nobody():
    chat = Chat().says("где вы находитесь?", "consultation").says("понятно").says("ясно").says("понятно, учту")
    assert chat.keys == ["acknowledged"]
    assert not chat.desk.handed


def test_open_that_day():
    chat = Chat().says("в субботу работаете?", "consultation")
    assert chat.keys == ["greeting", "open_then", "offer_booking"]
    assert "в субботу 28 ноября мы работаем: с 09:00 до 21:00" in chat.reply
    chat = Chat().says("а в воскресенье вы работаете?", "consultation")
    assert chat.keys[1] == "closed_then"


# --- Visits ----------------------------------------------------------------------------------------------------------


def two_visits() -> Chat:
    chat = booked_chat()
    return chat.says("и на стрижку в субботу", "booking", service=1, when=day(28, text="в субботу")).says("1")


def test_one_of_two_visits_is_cancelled_and_the_other_stays():
    chat = two_visits().says("отмените одну запись", "cancel")
    assert chat.keys == ["which_appointment"]
    chat.says("вторую")
    assert [each.service_ids for each in chat.desk.appointments()] == [(3,)]


def test_both_visits_are_cancelled():
    chat = two_visits().says("отмените запись", "cancel").says("обе")
    assert chat.keys == ["cancelled_all"]
    assert chat.desk.appointments() == []


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("перенесите на 2 часа позже", timedelta(hours=2)),
        ("можно на день позже?", timedelta(days=1)),
        ("давайте на неделю позже", timedelta(days=7)),
    ],
)
def test_a_move_counts_from_the_visit(text, shift):
    chat = booked_chat()
    before = chat.desk.booked[0].start
    chat.says(text, "reschedule")
    assert chat.keys == ["moved"]
    assert chat.desk.booked[0].start == before + shift


def test_a_visit_is_confirmed_without_being_asked_about():
    chat = booked_chat().says("всё в силе, приду")
    assert chat.keys == ["visit_confirmed"]
    assert chat.desk.confirmed == [chat.desk.booked[0].id]


def test_a_reminder_of_a_visit_that_is_over_does_not_swallow_a_new_wish():
    chat = booked_chat()
    chat.state = dialogue.await_confirmation(chat.state, chat.desk.booked[0].id)
    chat.desk.booked.clear()
    chat.says("хочу на стрижку", "booking", service=1)
    assert chat.keys[-1] == "offer_openings"
