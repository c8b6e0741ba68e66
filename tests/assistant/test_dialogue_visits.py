"""The client's own visits: cancel, move, confirm; and proving a phone."""

from datetime import datetime, timedelta

import pytest

from assistant import dialogue
from assistant.desk import Booked, Client
from tests.assistant.chat import PHONE, Chat, at, day, known_client, part
from tests.fakes_desk import ZONE, FakeDesk


def visit(id_: int, number: int, hour: int, *, service=(3, "Маникюр"), staff=(1, "Анна")) -> Booked:
    start = datetime(2026, 11, number, hour, tzinfo=ZONE)
    end = start + timedelta(minutes=90)
    return Booked(id_, (service[0],), (service[1],), *staff, "Уфа, ул. Ленина, 10", start, end, 180000, "booked")


def client_with(*visits: Booked) -> FakeDesk:
    return known_client(booked=list(visits))


def test_the_only_visit_is_cancelled_at_once():
    chat = Chat(client_with(visit(7, 25, 15))).says("отмените мою запись, заболела", "cancel")
    assert chat.keys == ["greeting", "cancelled"]
    assert "Маникюр, завтра, в среду 25 ноября, в 15:00, Анна" in chat.reply
    assert chat.desk.cancelled == [7]
    assert chat.turn.facts["cancelled"] == 7


def test_an_unsure_cancellation_is_asked_about():
    chat = Chat(client_with(visit(7, 25, 15))).says("наверное не выйдет", "cancel", confidence=0.6)
    assert chat.keys == ["greeting", "cancel_sure"]
    assert chat.desk.cancelled == []
    assert chat.says("да").keys == ["cancelled"]
    assert chat.desk.cancelled == [7]


@pytest.mark.parametrize("reply", ["нет", "Оставить", "не отменяйте"])
def test_the_visit_is_kept(reply):
    chat = Chat(client_with(visit(7, 25, 15))).says("может отменить", "cancel", confidence=0.6).says(reply)
    assert chat.keys == ["visit_kept"]
    assert chat.desk.cancelled == []


def test_a_cancellation_of_another_day_is_asked_about():
    chat = Chat(client_with(visit(7, 25, 15))).says("отмените запись на пятницу", "cancel", when=day(27))
    assert chat.keys == ["greeting", "cancel_sure"]
    assert chat.desk.cancelled == []


def test_several_visits_are_asked_about():
    chat = Chat(client_with(visit(7, 25, 15), visit(8, 28, 12))).says("хочу отменить запись", "cancel")
    assert chat.keys == ["greeting", "which_appointment"]
    assert chat.choices == ("ср 25 ноября, 15:00", "сб 28 ноября, 12:00")
    assert chat.says("вторую").keys == ["cancelled"]
    assert chat.desk.cancelled == [8]


@pytest.mark.parametrize(
    ("reply", "slot", "service"),
    [("сб 28 ноября, 12:00", None, ()), ("на субботу", day(28), ()), ("стрижку", None, 1), ("2", None, ())],
)
def test_which_visit_by_day_service_or_number(reply, slot, service):
    desk = client_with(visit(7, 25, 15), visit(8, 28, 12, service=(1, "Женская стрижка")))
    chat = Chat(desk).says("отмените запись", "cancel").says(reply, when=slot, service=service)
    assert chat.keys == ["cancelled"], reply
    assert desk.cancelled == [8]


def test_named_visit_of_several_needs_no_question():
    chat = Chat(client_with(visit(7, 25, 15), visit(8, 28, 12))).says("отмените субботу", "cancel", when=day(28))
    assert chat.desk.cancelled == [8]


def test_nothing_to_cancel():
    chat = Chat(known_client()).says("отмените запись", "cancel")
    assert chat.keys == ["greeting", "no_appointments"]


def test_cannot_be_cancelled_any_more():
    desk = client_with(visit(7, 25, 15))
    desk.cancel = lambda appointment_id, *, reason="": False
    chat = Chat(desk).says("отмените", "cancel")
    assert chat.keys == ["greeting", "cancel_failed"]
    assert desk.handed


def test_cancel_one_and_book_another():
    chat = Chat(client_with(visit(7, 25, 15)))
    chat.says(
        "отмените маникюр и запишите на мужскую стрижку в субботу", "cancel", also=("booking",), service=2, when=day(28)
    )
    assert chat.keys == ["greeting", "cancel_sure"]
    chat.says("Отменить")
    assert chat.keys == ["cancelled", "ask_service"]


def test_unknown_account_proves_the_phone_by_a_code():
    desk = FakeDesk(phone_owner={PHONE: [visit(7, 25, 15)]})
    chat = Chat(desk).says("отмените мою запись", "cancel")
    assert chat.keys == ["greeting", "ask_phone_for_code"]
    chat.says("89990001234", phone=PHONE)
    assert chat.keys == ["code_sent"]
    assert "…12-34" in chat.reply
    assert "999" not in chat.reply
    assert chat.says("1111").keys == ["code_wrong"]
    chat.says("код 4321")
    assert chat.keys == ["cancel_sure"]
    assert chat.says("да").keys == ["cancelled"]
    assert desk.cancelled == [7]


def test_wrong_code_three_times_calls_a_person():
    chat = Chat(FakeDesk(phone_owner={PHONE: [visit(7, 25, 15)]})).says("отмените запись", "cancel", phone=PHONE)
    chat.says("1111").says("2222").says("3333")
    assert chat.keys == ["hand_over"]
    assert chat.desk.cancelled == []
    assert chat.says("4321").keys != ["cancelled"]


def test_too_many_codes():
    chat = Chat(FakeDesk(codes_left=0)).says("отмените запись", "cancel", phone=PHONE)
    assert chat.keys == ["greeting", "code_unavailable"]


def test_another_number_while_the_code_is_awaited():
    chat = Chat(FakeDesk()).says("отмените запись", "cancel", phone="+79990009999")
    chat.says("ой, другой номер 89990001234", phone=PHONE)
    assert chat.keys == ["code_sent"]
    assert chat.desk.code_phone == PHONE


def test_foreign_visit_is_never_shown_before_the_code():
    chat = Chat(FakeDesk(phone_owner={PHONE: [visit(7, 25, 15)]}))
    chat.says("когда у меня запись? отмените", "cancel", phone=PHONE)
    assert "15:00" not in chat.reply
    assert "Маникюр" not in chat.reply


def test_move_to_an_exact_time():
    chat = Chat(client_with(visit(7, 25, 15)))
    chat.says("перенесите на субботу в 12", "reschedule", when=at(28, 12, text="на субботу в 12"))
    assert chat.keys == ["greeting", "moved"]
    assert "в субботу 28 ноября в 12:00" in chat.reply
    assert [each.start.day for each in chat.desk.booked] == [28]
    assert not chat.desk.holds


def test_move_offers_openings_of_the_day():
    chat = Chat(client_with(visit(7, 25, 15))).says(
        "перенесите на субботу", "reschedule", when=day(28, text="на субботу")
    )
    assert chat.keys == ["greeting", "offer_openings"]
    chat.says("второе")
    assert chat.keys == ["moved"]
    assert len(chat.desk.booked) == 1
    assert chat.desk.booked[0].start.day == 28


def test_move_asks_for_the_time():
    chat = Chat(client_with(visit(7, 25, 15))).says("можно перенести запись?", "reschedule")
    assert chat.keys == ["greeting", "move_ask_time"]
    chat.says("в субботу после обеда", when=part(28, 13, 18, text="в субботу после обеда"))
    assert chat.keys == ["offer_openings"]
    chat.says("1")
    assert chat.desk.booked[0].start.hour == 13


def test_move_of_the_hour_keeps_the_day():
    chat = Chat(client_with(visit(7, 28, 15))).says(
        "перенесите на 17:00", "reschedule", when=at(24, 17, text="на 17:00")
    )
    assert chat.keys == ["greeting", "moved"]
    assert chat.desk.booked[0].start == datetime(2026, 11, 28, 17, tzinfo=ZONE)


@pytest.mark.parametrize(("text", "hour"), [("перенесите на 2 часа позже", 17), ("можно на 2 часа раньше?", 13)])
def test_move_by_some_time(text, hour):
    chat = Chat(client_with(visit(7, 25, 15))).says(text, "reschedule", when=at(24, 13, text="на час"))
    assert chat.keys == ["greeting", "moved"]
    assert chat.desk.booked[0].start == datetime(2026, 11, 25, hour, tzinfo=ZONE)


def test_move_keeps_the_person():
    desk = client_with(visit(7, 25, 15, service=(1, "Женская стрижка"), staff=(2, "Ольга")))
    Chat(desk).says("перенесите на субботу", "reschedule", when=day(28, text="на субботу")).says("1")
    assert desk.booked[0].staff_id == 2


def test_move_to_a_gone_opening_leaves_the_old_one():
    chat = Chat(client_with(visit(7, 25, 15))).says(
        "перенесите на субботу", "reschedule", when=day(28, text="на субботу")
    )
    chat.desk.taken = {(1, datetime(2026, 11, 28, 14, tzinfo=ZONE))}
    chat.says("второе")
    assert chat.keys == ["opening_taken", "offer_openings"]
    assert chat.desk.booked[0].start.day == 25
    assert chat.says("первое").keys == ["moved"]


def test_move_of_one_of_several():
    chat = Chat(client_with(visit(7, 25, 15), visit(8, 27, 12)))
    chat.says("перенесите на субботу", "reschedule", when=day(28, text="на субботу"))
    assert chat.keys == ["greeting", "which_appointment"]
    assert chat.says("вторую").keys == ["offer_openings"]
    chat.says("1")
    assert sorted(each.start.day for each in chat.desk.booked) == [25, 28]


def test_just_booked_visit_can_be_moved_without_a_code():
    chat = Chat().says("на маникюр завтра в 15", "booking", service=3, when=at(25, 15), name="Мария", phone=PHONE)
    chat.says("согласна")
    chat.says("ой, перенесите на 17", "reschedule", when=at(24, 17, text="на 17"))
    assert chat.keys == ["moved"]
    assert chat.desk.booked[0].start == datetime(2026, 11, 25, 17, tzinfo=ZONE)


@pytest.mark.parametrize(
    "reply", ["да", "приду", "+", "Да, буду, спасибо", "подтверждаю", "ок", "Приду", "👍", "всё в силе"]
)
def test_visit_is_confirmed(reply):
    chat = Chat(client_with(visit(7, 25, 15)), dialogue.await_confirmation({}, 7)).says(reply)
    assert "visit_confirmed" in chat.keys, reply
    assert chat.desk.confirmed == [7]
    assert chat.turn.facts["confirmed"] == 7
    assert chat.turn.stage == "confirmation"


@pytest.mark.parametrize("reply", ["нет", "не смогу", "к сожалению не приду"])
def test_visit_cannot_be_kept(reply):
    chat = Chat(client_with(visit(7, 25, 15)), dialogue.await_confirmation({}, 7)).says(reply)
    assert chat.keys[-1] == "visit_cannot"
    assert chat.desk.confirmed == []
    assert chat.desk.cancelled == []
    assert chat.says("Отменить").keys == ["cancelled"]


def test_visit_is_moved_from_the_reminder():
    chat = Chat(client_with(visit(7, 25, 15), visit(8, 27, 15)), dialogue.await_confirmation({}, 7))
    chat.says("не смогу").says("Перенести")
    assert chat.keys == ["move_ask_time"]
    assert "25 ноября" in chat.reply


def test_cancel_from_the_reminder_takes_that_visit():
    chat = Chat(client_with(visit(7, 25, 15), visit(8, 27, 15)), dialogue.await_confirmation({}, 7))
    chat.says("отмените пожалуйста", "cancel")
    assert chat.desk.cancelled == [7]


def test_confirmation_of_what_is_gone():
    chat = Chat(known_client(), dialogue.await_confirmation({}, 7)).says("да")
    assert chat.keys[-1] == "confirm_gone"


def test_question_after_the_reminder_keeps_the_confirmation_open():
    chat = Chat(client_with(visit(7, 25, 15)), dialogue.await_confirmation({}, 7))
    chat.says("а какой у вас адрес?", "consultation")
    assert "address" in chat.keys
    assert chat.says("да, приду").keys == ["visit_confirmed"]


def test_reminder_keeps_what_was_known():
    chat = Chat(client_with(visit(7, 25, 15))).says("на маникюр", "booking", service=3)
    state = dialogue.await_confirmation(chat.state, 7)
    assert state["services"] == [3]
    assert state["awaiting"] == "confirm_visit"


@pytest.mark.parametrize(
    "text", ["а когда у меня запись?", "на какое время я записана?", "во сколько у меня приём завтра?"]
)
def test_when_is_my_visit(text):
    chat = Chat(client_with(visit(7, 25, 15))).says(text, "other", confidence=0.4)
    assert chat.keys == ["greeting", "your_appointments"], text
    assert "Маникюр, завтра, в среду 25 ноября, в 15:00, Анна" in chat.reply


def test_when_is_my_visit_needs_the_code_from_a_stranger():
    chat = Chat(FakeDesk(phone_owner={PHONE: [visit(7, 25, 15)]})).says("когда у меня запись?")
    assert chat.keys == ["greeting", "ask_phone_for_code"]
    chat.says("89990001234", "callback_request", phone=PHONE, confidence=0.5)
    assert chat.keys == ["code_sent"]
    assert chat.says("4321").keys == ["your_appointments"]


def test_unproven_phone_of_the_card_opens_nothing():
    desk = FakeDesk(phone_owner={PHONE: [visit(7, 25, 15)]})
    desk.client = Client("Мария", PHONE, has_consent=True, is_returning=False, phone_proven=False)
    chat = Chat(desk).says("отмените запись", "cancel")
    assert chat.keys == ["greeting", "ask_phone_for_code"]
