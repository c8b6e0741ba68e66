"""A client books: from the first word to «вы записаны», and every way it can turn."""

from datetime import datetime, timedelta

import pytest

from assistant.understanding import DateTimeSlot
from tests.assistant.chat import PHONE, Chat, at, day, either, known_client, part
from tests.fakes_desk import NOW, ZONE, FakeDesk


def wed(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 25, hour, minute, tzinfo=ZONE)


def offered(chat: Chat) -> list[str]:
    return [label for label in chat.choices if label != "Другое время"]


def test_from_first_word_to_booked():
    chat = Chat().says("Здравствуйте, хочу записаться на маникюр", "booking", service=3)
    assert chat.keys == ["greeting", "offer_openings"]
    assert "Маникюр" in chat.reply
    assert len(offered(chat)) == 3
    assert chat.turn.acts_on_intent
    assert chat.turn.stage == "booking"

    chat.says("второе")
    assert chat.keys == ["opening_held", "ask_contact"]
    assert "11:00" in chat.reply

    chat.says("Мария, +7 999 000-12-34", phone=PHONE)
    assert chat.keys == ["ask_consent"]
    assert "https://vesna.example/policy" in chat.reply

    chat.says("Даю согласие")
    assert chat.keys == ["booked"]
    assert "сегодня, во вторник 24 ноября, в 11:00" in chat.reply
    assert "1 800 ₽, можно оплатить онлайн или на месте" in chat.reply
    assert "Уфа, ул. Ленина, 10" in chat.reply
    assert [each.start.hour for each in chat.desk.booked] == [11]
    assert chat.desk.client.name == "Мария"
    assert chat.desk.client.phone == PHONE
    assert chat.turn.facts["booked"] == chat.desk.booked[0].id
    assert chat.turn.stage == "confirmation"


def test_everything_in_one_message_leaves_one_question():
    chat = Chat().says(
        "Мария, 89990001234, на мужскую стрижку завтра в 15:00", "booking",
        service=2, when=at(25, 15), name="Мария", phone=PHONE,
    )  # fmt: skip
    assert chat.keys == ["greeting", "opening_held", "ask_consent"]
    chat.says("да")
    assert chat.desk.booked[0].start == wed(15)


def test_known_client_with_exact_time_confirms_by_one_tap():
    chat = Chat(known_client()).says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    assert chat.keys == ["greeting", "confirm_booking"]
    assert "завтра, в среду 25 ноября, в 15:00" in chat.reply
    assert not chat.desk.booked
    chat.says("Да")
    assert chat.keys == ["booked"]
    assert chat.desk.booked[0].start == wed(15)


def test_known_client_who_picks_an_opening_is_booked_at_once():
    chat = Chat(known_client()).says("на маникюр завтра", "booking", service=3, when=day(25)).says("2")
    assert chat.keys == ["booked"]


def test_known_client_says_no_to_the_last_question_and_nothing_stays_held():
    chat = Chat(known_client()).says("маникюр завтра в 15", "booking", service=3, when=at(25, 15)).says("нет, не надо")
    assert chat.keys == ["booking_declined"]
    assert not chat.desk.booked
    assert not chat.desk.holds


def test_service_is_asked_when_missing_and_time_is_remembered():
    chat = Chat().says("запишите меня завтра в 15", "booking", when=at(25, 15))
    assert chat.keys == ["greeting", "ask_service"]
    assert "Маникюр" in chat.choices
    chat.says("Маникюр", service=3)
    assert chat.keys == ["opening_held", "ask_contact"]
    assert "в 15:00" in chat.reply


def test_service_chosen_by_its_label_without_the_engine():
    chat = Chat().says("Записаться").says("Окрашивание", confidence=0.1)
    assert chat.keys == ["offer_openings"]
    assert chat.state["services"] == [4]


def test_similar_services_are_asked_about():
    chat = Chat().says("хочу на стрижку", "booking", service="стрижка")
    assert chat.keys == ["greeting", "which_service"]
    assert chat.choices == ("Женская стрижка", "Мужская стрижка")
    chat.says("мужская")
    assert chat.state["services"] == [2]
    assert chat.keys == ["offer_openings"]


def test_unknown_service_is_told_without_reciting_the_price_list():
    chat = Chat().says("запишите на татуаж", "booking", service="татуаж")
    assert chat.keys == ["greeting", "service_unknown"]
    assert "Маникюр" not in chat.reply
    assert chat.choices == ("Цены", "Позвать человека")
    chat.says("да")
    assert chat.keys == ["price_list"]


def test_who_insists_on_an_unknown_service_is_answered_by_a_person():
    chat = Chat().says("сколько стоит татуаж", "price_question", service="татуаж")
    assert chat.keys == ["greeting", "service_unknown"]
    chat.says("ну запишите всё равно на татуаж", "booking", service="татуаж")
    assert chat.keys == ["hand_over"]


def test_two_services_are_one_visit():
    chat = Chat().says("маникюр и окрашивание завтра в 10", "booking", service=(3, 4), when=at(25, 10))
    assert chat.desk.holds[max(chat.desk.holds)][0].service_ids == (3, 4)
    assert "Маникюр и окрашивание" in chat.reply


def test_a_service_added_later_joins_the_first():
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    chat.says("и ещё окрашивание", "booking", service=4)
    assert chat.state["services"] == [3, 4]
    assert chat.keys == ["offer_openings"]


def test_another_service_replaces_the_first():
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    chat.says("нет, лучше на мужскую стрижку", "booking", service=2)
    assert chat.state["services"] == [2]
    assert chat.keys == ["offer_openings"]


@pytest.mark.parametrize(
    ("reply", "slot", "hour"),
    [
        ("1", None, 9),
        ("второе", None, 14),
        ("2", None, 14),
        ("давайте второй вариант", None, 14),
        ("третье пожалуйста", None, 19),
        ("последнее", None, 19),
        ("давайте на 14", at(24, 14, text="на 14"), 14),
        ("на 2", at(24, 14, text="на 2"), 14),
        ("14:00", at(24, 14, text="14:00"), 14),
        ("в 2 часа дня", at(24, 14, text="в 2 часа дня"), 14),
        ("19.30 подойдёт", at(24, 19, 30, text="19.30"), 19),
        ("ср 25 ноября, 14:00", at(25, 14, text="25 ноября, 14:00"), 14),
        ("самое раннее, ближайшее", None, 9),
        ("любое", None, 9),
        ("ладно, давайте первое", None, 9),
    ],
)
def test_a_choice_is_understood_however_it_is_worded(reply, slot, hour):
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    assert offered(chat) == ["ср 25 ноября, 09:00", "ср 25 ноября, 14:00", "ср 25 ноября, 19:30"]
    chat.says(reply, when=slot)
    assert chat.keys == ["opening_held", "ask_contact"], reply
    held = chat.desk.holds[max(chat.desk.holds)][0]
    assert held.start.hour == hour


def test_a_choice_by_person():
    desk = FakeDesk()
    desk.taken = {(1, wed(9))}
    chat = Chat(desk).says("на мужскую стрижку завтра", "booking", service=2, when=day(25))
    assert "Ольга" in chat.reply
    chat.says("давайте к Ольге")
    assert chat.keys == ["opening_held", "ask_contact"]
    assert chat.desk.holds[max(chat.desk.holds)][0].staff_id == 2


def test_two_openings_fit_the_reply_so_it_is_asked():
    desk = FakeDesk()
    desk.taken = {(1, wed(9))}
    chat = Chat(desk).says("на мужскую стрижку завтра", "booking", service=2, when=day(25))
    assert [each["staff_name"] for each in chat.state["offered"]] == ["Ольга", "Анна", "Анна"]
    chat.says("к Анне")
    assert chat.keys == ["which_opening"]
    assert len(offered(chat)) == 2


def test_person_asked_for_in_the_first_message():
    chat = Chat().says("на стрижку к Ольге завтра", "booking", service=1, when=day(25))
    assert {each["staff_id"] for each in chat.state["offered"]} == {2}


def test_person_without_free_time_is_told_and_others_offered():
    desk = FakeDesk()
    desk.taken = {(2, NOW + timedelta(minutes=30 * number)) for number in range(48 * 30)}
    chat = Chat(desk).says("на стрижку к Ольге завтра", "booking", service=1, when=day(25))
    assert chat.keys == ["greeting", "other_staff", "offer_openings"]
    assert {each["staff_id"] for each in chat.state["offered"]} == {1}


def test_person_who_does_not_do_it_is_told_and_colleagues_offered():
    chat = Chat().says("на маникюр к Ольге завтра", "booking", service=3, when=day(25))
    assert chat.keys == ["greeting", "staff_cannot", "offer_openings"]
    assert "Ольга: такую услугу этот специалист не оказывает (маникюр)" in chat.reply
    assert {each["staff_id"] for each in chat.state["offered"]} == {1}


def test_not_anna_but_olga():
    chat = Chat().says("на женскую стрижку к Анне завтра", "booking", service=1, when=day(25))
    assert {each["staff_id"] for each in chat.state["offered"]} == {1}
    chat.says("не Анна, а Ольга")
    assert chat.keys == ["offer_openings"]
    assert {each["staff_id"] for each in chat.state["offered"]} == {2}


def test_own_name_is_corrected_not_the_master():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    chat.says("Анна")
    assert chat.keys == ["ask_phone"]
    chat.says("ой, не Анна, а Ольга")
    assert chat.desk.client.name == "Ольга"
    assert chat.keys == ["ask_phone"]
    assert chat.state.get("staff_id") is None


def test_other_time_offers_what_was_not_shown():
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    first = set(offered(chat))
    chat.says("Другое время")
    assert chat.keys == ["offer_openings"]
    assert len(offered(chat)) == 3
    assert not first & set(offered(chat))


@pytest.mark.parametrize("reply", ["ничего не подходит", "мне неудобно", "нет", "а есть ещё варианты?", "не смогу"])
def test_none_fits_in_many_words(reply):
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    first = set(offered(chat))
    chat.says(reply)
    assert chat.keys == ["offer_openings"], reply
    assert not first & set(offered(chat))


def test_later_and_earlier():
    chat = Chat().says("на маникюр завтра вечером", "booking", service=3, when=part(25, 17, 21))
    last = chat.state["offered"][-1]["start"]
    chat.says("а попозже?")
    assert min(each["start"] for each in chat.state["offered"]) > last
    first = chat.state["offered"][0]["start"]
    chat.says("нет, пораньше")
    assert max(each["start"] for each in chat.state["offered"]) < first


def test_half_an_hour_later_than_what_is_held():
    chat = (
        Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15)).says("а на полчаса позже можно?")
    )
    assert chat.keys == ["opening_held", "ask_contact"]
    assert "15:30" in chat.reply
    assert len(chat.desk.holds) == 1


def test_anything_but_tomorrow():
    chat = Chat().says("на маникюр", "booking", service=3).says("только не завтра", when=day(25, text="завтра"))
    assert chat.keys == ["offer_openings"]
    assert all("25 ноября" not in label for label in offered(chat))


def test_a_master_named_is_not_taken_for_the_client():
    chat = Chat().says("на женскую стрижку к Ольге завтра", "booking", service=1, when=day(25), name="Ольге")
    assert chat.desk.client.name == ""
    assert chat.state["staff_id"] == 2


def test_after_an_hour_on_the_day_on_the_table():
    chat = Chat().says("на маникюр в субботу", "booking", service=3, when=day(28, text="в субботу"))
    start, end = datetime(2026, 11, 24, 17), datetime(2026, 11, 24, 21)
    chat.says("после 17", when=DateTimeSlot("после 17", start, end, "range"))
    assert all("28 ноября" in label and label >= "сб 28 ноября, 17:00" for label in offered(chat))


def test_nothing_earlier_keeps_the_offer():
    chat = Chat().says("на маникюр", "booking", service=3)
    first = offered(chat)
    chat.says("а пораньше нет?")
    assert chat.keys == ["no_earlier", "offer_again"]
    assert offered(chat) == first
    assert chat.says("1").keys == ["opening_held", "ask_contact"]


def test_rather_on_saturday():
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    chat.says("нет, лучше в субботу", when=day(28, text="в субботу"))
    assert chat.keys == ["offer_openings"]
    assert all("28 ноября" in label for label in offered(chat))


def test_rather_on_saturday_keeps_the_hour():
    desk = FakeDesk()
    desk.taken = {(1, wed(15))}
    chat = Chat(desk).says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    assert chat.keys == ["greeting", "offer_others"]
    chat.says("лучше в субботу", when=day(28, text="в субботу"))
    assert chat.keys == ["opening_held", "ask_contact"]
    assert "в субботу 28 ноября в 15:00" in chat.reply


def test_rather_on_saturday_stays_near_an_hour_that_is_taken():
    desk = FakeDesk()
    desk.taken = {(1, wed(15)), (1, wed(15) + timedelta(days=3))}
    chat = Chat(desk).says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    chat.says("лучше в субботу", when=day(28, text="в субботу"))
    assert offered(chat) == ["сб 28 ноября, 13:30", "сб 28 ноября, 15:30", "сб 28 ноября, 16:00"]


def test_a_bare_hour_belongs_to_the_day_on_the_table():
    chat = Chat().says("на маникюр в субботу", "booking", service=3, when=day(28, text="в субботу"))
    chat.says("а в 16?", when=at(24, 16, text="в 16"))
    assert chat.keys == ["opening_held", "ask_contact"]
    assert "в субботу 28 ноября в 16:00" in chat.reply


def test_change_of_mind_while_the_name_is_asked():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    chat.says("ой, нет, лучше в субботу", when=day(28, text="в субботу"))
    assert chat.keys == ["opening_held", "ask_contact"]
    [held] = [opening for opening, _ in chat.desk.holds.values()]
    assert held.start == wed(15) + timedelta(days=3)


def test_another_day_after_a_chosen_time_keeps_the_hour_that_was_chosen():
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25)).says("второе")
    chat.says("а давайте лучше в субботу", when=day(28, text="в субботу"))
    assert chat.keys == ["opening_held", "ask_contact"]
    assert "в субботу 28 ноября в 14:00" in chat.reply


def test_another_hour_keeps_the_day():
    chat = Chat().says("на маникюр в субботу", "booking", service=3, when=day(28, text="в субботу")).says("второе")
    chat.says("а можно в 16?", when=at(24, 16, text="в 16"))
    assert "в субботу 28 ноября в 16:00" in chat.reply


def test_wished_time_is_taken_so_the_nearest_are_offered():
    desk = FakeDesk()
    desk.taken = {(1, wed(15))}
    chat = Chat(desk).says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    assert chat.keys == ["greeting", "offer_others"]
    assert "завтра, в среду 25 ноября, в 15:00 свободного времени нет" in chat.reply
    assert offered(chat) == ["ср 25 ноября, 13:30", "ср 25 ноября, 15:30", "ср 25 ноября, 16:00"]


def test_full_day_leads_to_the_next():
    desk = FakeDesk()
    desk.full_days = {wed(9).date()}
    chat = Chat(desk).says("на маникюр завтра", "booking", service=3, when=day(25))
    assert chat.keys == ["greeting", "offer_others"]
    assert all("26 ноября" in label for label in offered(chat))


def test_no_openings_at_all_calls_a_person():
    desk = FakeDesk()
    desk.full_days = {wed(9).date() + timedelta(days=offset) for offset in range(-1, 25)}
    chat = Chat(desk).says("на маникюр завтра", "booking", service=3, when=day(25))
    assert chat.keys == ["greeting", "no_openings"]
    assert desk.handed == [("нет свободного времени", "booking", False)]
    assert not chat.turn.acts_on_intent


def test_eight_in_the_morning_is_closed_and_it_says_so():
    chat = Chat().says("на маникюр завтра в 8 утра", "booking", service=3, when=at(25, 8))
    assert chat.keys == ["greeting", "closed_then", "offer_openings"]
    assert "Завтра, в среду 25 ноября, в 08:00 мы не работаем" in chat.reply
    assert "с 9:00 до 21:00" in chat.reply
    assert offered(chat)[0] == "ср 25 ноября, 09:00"


def test_ambiguous_day_is_asked_with_one_tap_never_booked():
    slot = either(day(27, text="в следующую пятницу"), day(4, month=12))
    chat = Chat(known_client()).says("на маникюр в следующую пятницу", "booking", service=3, when=slot)
    assert chat.keys == ["greeting", "ask_reading"]
    assert chat.choices == ("В пятницу 27 ноября", "В пятницу 4 декабря")
    assert not chat.desk.holds
    chat.says("В пятницу 4 декабря", when=day(4, month=12, text="в пятницу 4 декабря"))
    assert chat.keys == ["offer_openings"]
    assert all("4 декабря" in label for label in offered(chat))


@pytest.mark.parametrize(
    ("reply", "hour"), [("вечером", 20), ("2", 20), ("утра", 8), ("Завтра, в среду 25 ноября, в 20:00", 20)]
)
def test_ambiguous_hour(reply, hour):
    slot = either(at(25, 8), at(25, 20))
    chat = Chat().says("на мужскую стрижку завтра в 8", "booking", service=2, when=slot)
    assert chat.keys == ["greeting", "ask_reading"]
    chat.says(reply)
    if hour == 20:
        assert chat.keys == ["opening_held", "ask_contact"]
        assert "в 20:00" in chat.reply
    else:
        assert chat.keys == ["closed_then", "offer_openings"]


def test_a_reading_already_past_is_not_asked():
    slot = either(at(24, 9, text="в 9"), at(24, 19))
    chat = Chat().says("сегодня в 9 на мужскую стрижку", "booking", service=2, when=slot)
    assert chat.keys == ["greeting", "opening_held", "ask_contact"]
    assert "19:00" in chat.reply


def test_somebody_was_quicker():
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    chat.desk.taken = {(1, wed(14))}
    chat.says("второе")
    assert chat.keys == ["opening_taken", "offer_openings"]
    assert "ср 25 ноября, 14:00" not in offered(chat)
    chat.says("первое")
    assert chat.keys == ["opening_held", "ask_contact"]


def test_hold_ran_out_but_the_time_is_still_free():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    chat.waits(minutes=30).says("Мария", name="Мария", phone=PHONE).says("согласна")
    assert chat.keys == ["booked"]


def test_hold_ran_out_and_the_time_is_gone():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    chat.waits(minutes=30)
    chat.desk.taken = {(1, wed(15))}
    chat.says("Мария", name="Мария", phone=PHONE).says("согласна")
    assert chat.keys == ["opening_taken", "offer_openings"]
    assert not chat.desk.booked
    chat.says("1")
    assert chat.keys == ["booked"]


def test_name_then_phone_then_consent_one_by_one():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    assert chat.says("меня зовут Мария Петрова").keys == ["ask_phone"]
    assert chat.desk.client.name == "Мария Петрова"
    assert chat.says("89990001234", phone=PHONE).keys == ["ask_consent"]
    assert chat.says("конечно").keys == ["booked"]


def test_a_phone_taken_for_a_call_back_is_still_the_answer():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    chat.says("Мария +7 999 000 12 34", "callback_request", phone=PHONE, name="Мария", confidence=0.5)
    assert chat.keys == ["ask_consent"]
    assert chat.desk.calls == []


def test_mere_yes_to_the_name_and_phone_asks_again():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15)).says("да")
    assert chat.keys == ["ask_contact"]


def test_variant_of_the_service_named_late():
    chat = Chat().says("хочу подстричься", "booking", service=1).says("мужская")
    assert chat.keys == ["offer_openings"]
    assert chat.state["services"] == [2]


def test_phone_first():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    assert chat.says("+79990001234", phone=PHONE).keys == ["ask_name"]
    assert chat.says("Мария").keys == ["ask_consent"]


def test_consent_given_together_with_the_phone():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    chat.says("Мария +79990001234, на обработку данных согласна", phone=PHONE)
    assert chat.keys == ["booked"]
    assert chat.desk.client.name == "Мария"


def test_broken_phone_is_asked_again():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15), name="Мария")
    chat.says("8 999 00 12")
    assert chat.keys == ["phone_wrong"]
    assert chat.says("89990001234", phone=PHONE).keys == ["ask_consent"]


def test_no_consent_no_booking():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15), name="Мария", phone=PHONE)
    chat.says("Не согласен")
    assert chat.keys == ["consent_refused"]
    assert not chat.desk.booked
    assert not chat.desk.holds
    assert chat.desk.handed[0][1] == "booking"


def test_consent_is_asked_once():
    desk = known_client()
    chat = Chat(desk).says("на маникюр завтра", "booking", service=3, when=day(25)).says("1")
    chat.says("и на мужскую стрижку завтра", "booking", service=2, when=day(25)).says("2")
    assert chat.keys == ["booked"]
    assert len(desk.booked) == 2


def test_client_gives_up_while_asked_for_the_phone():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15)).says("передумала, не надо")
    assert chat.keys == ["booking_declined"]
    assert not chat.desk.holds


def test_cancel_before_anything_is_booked_drops_the_hold():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15)).says("отмените", "cancel")
    assert chat.keys == ["booking_declined"]
    assert not chat.desk.holds


def test_price_in_the_middle_of_booking_is_answered_and_booking_goes_on():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15))
    chat.says("а сколько это стоит?", "price_question")
    assert chat.keys == ["price_answer", "ask_contact"]
    assert "1 800 ₽" in chat.reply
    assert chat.says("Мария", name="Мария", phone=PHONE).keys == ["ask_consent"]


def test_address_in_the_middle_of_choosing_keeps_the_offer():
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    chat.says("а где вы находитесь?", "consultation")
    assert chat.keys == ["address", "offer_again"]
    assert chat.says("2").keys == ["opening_held", "ask_contact"]


def test_price_and_booking_in_one_message():
    chat = Chat().says(
        "сколько стоит маникюр и можно завтра?", "booking", service=3, when=day(25), also=("price_question",)
    )
    assert chat.keys == ["greeting", "price_answer", "offer_openings"]


def test_a_wish_of_yesterday_is_dropped():
    chat = Chat().says("запишите завтра в 15", "booking", when=at(25, 15))
    chat.waits(days=2).says("на маникюр", "booking", service=3)
    assert "offer_openings" in chat.keys
    assert all("25 ноября" not in label for label in chat.choices)


@pytest.mark.parametrize("text", ["второе", "здравствуйте, давайте второе", "Здравствуйте!"])
def test_next_day_old_offers_are_not_trusted_and_what_was_wanted_is_not_forgotten(text):
    chat = Chat().says("на маникюр в субботу", "booking", service=3, when=day(28, text="в субботу"))
    chat.desk.taken = {(1, wed(14) + timedelta(days=3))}  # what «второе» was
    chat.waits(hours=20).says(text)
    assert chat.keys == ["greeting", "offer_openings"]
    assert all(label.startswith("сб 28 ноября") for label in offered(chat))
    assert "сб 28 ноября, 14:00" not in offered(chat)


def test_offers_never_name_a_time_the_desk_did_not_give():
    chat = Chat().says("на маникюр завтра", "booking", service=3, when=day(25))
    given = {opening.start.isoformat() for opening in chat.desk.openings([3], day(25), limit=60)}
    assert set(chat.turn.facts["offered"]) <= given


def test_a_name_is_not_a_master_elsewhere():
    chat = Chat().says(
        "Добрый день, это Ольга, хочу на маникюр завтра", "booking", service=3, when=day(25), name="Ольга"
    )
    assert chat.state.get("staff_id") is None
    assert chat.keys == ["greeting", "offer_openings"]


def test_approximate_time_offers_around_it():
    slot = at(25, 17, grain="approx", text="завтра часиков в 5")
    chat = Chat().says("маникюр завтра часиков в 5", "booking", service=3, when=slot)
    assert chat.keys[-1] == "offer_openings"
    assert not chat.desk.openings([3], slot, limit=60) or chat.choices[:-1] == (
        "ср 25 ноября, 16:30", "ср 25 ноября, 17:00", "ср 25 ноября, 17:30",
    )  # fmt: skip
