"""The dialogue behind the real reading of messages: nothing is handed to it but what a client typed."""

import json

import pytest

from assistant import dialogue
from assistant.memory import Memory
from assistant.understand import understand
from assistant.understanding import Understanding
from tests.assistant.chat import PHONE, known_client
from tests.assistant.test_dialogue_visits import visit
from tests.fakes_desk import SERVICES, FakeDesk


def keys_of(desk: FakeDesk, *messages: str) -> list[list[str]]:
    """The texts that each message was answered with."""
    state: dict = {}
    answers = []
    for text in messages:
        now = desk.now.replace(tzinfo=None)
        understanding = understand(text, now=now, price_list=SERVICES, city="ufa")
        turn = dialogue.step(state, understanding, desk, text=text)
        state = json.loads(json.dumps(turn.state))
        answers.append([say.key for say in turn.says])
    return answers


def test_booked_moved_and_cancelled():
    desk = FakeDesk()
    answers = keys_of(
        desk,
        "Здравствуйте, можно записаться на маникюр завтра после обеда?",
        "второе",
        "Мария 8 999 000-12-34",
        "да",
        "ой, перенесите на пятницу на 12",
        "отмените запись пожалуйста",
    )
    assert [each[-1] for each in answers] == [
        "offer_openings",
        "ask_contact",
        "ask_consent",
        "booked",
        "moved",
        "cancelled",
    ]
    assert desk.client.phone == PHONE
    assert desk.cancelled == [desk.booked[0].id]


@pytest.mark.parametrize(
    ("messages", "last"),
    [
        (["сколько стоит окрашивание", "да"], "offer_openings"),
        (["запишите на маникюр завтра в 15", "нет, лучше в субботу"], "ask_contact"),
        (["маникюр в субботу в 8"], "ask_reading"),
        (["перезвоните мне", "89990001234"], "callback_requested"),
        (["где вы находитесь?"], "offer_booking"),
        (["мастер испортила мне волосы, верните деньги!"], "complaint"),
        (["привет", "позовите администратора"], "hand_over"),
        (["отмените мою запись", "89990001234"], "code_sent"),
    ],
)
def test_last_answer(messages, last):
    assert keys_of(FakeDesk(), *messages)[-1][-1] == last


def test_pain_in_the_clinic():
    desk = FakeDesk(urgent=(5,))
    assert keys_of(desk, "очень болит зуб, щека опухла, что делать")[0] == ["greeting", "urgent", "urgent_openings"]
    assert desk.handed[0][2]


def test_spam_and_attack_get_nothing():
    assert keys_of(FakeDesk(), "Продвижение сайтов в топ Яндекса, дешево! Пишите @seo") == [[]]


def test_own_visit_by_its_day():
    desk = known_client(booked=[visit(7, 25, 15), visit(8, 28, 12)])
    keys_of(desk, "отмените, пожалуйста, запись на субботу")
    assert desk.cancelled == [8]


@pytest.mark.parametrize(
    "messages",
    [
        ("Можно перенести запись?", "нет, не надо, оставьте как есть"),
        ("Наверное, не получится прийти", "нет, оставьте, я приду"),
        ("не отменяйте, я буду",),
    ],
)
def test_a_visit_that_is_to_stay_stays(messages):
    desk = known_client(booked=[visit(7, 25, 15)])
    assert keys_of(desk, *messages)[-1][-1] == "visit_kept"
    assert desk.cancelled == []


@pytest.mark.parametrize(
    ("said", "intent"),
    [("Спасибо, жду. Можно после 17:00?", "booking"), ("перенесите мою запись на 18", "reschedule")],
)
def test_another_hour_while_booking_moves_no_visit(said, intent):
    state = {"version": Memory().dump()["version"], "task": "booking", "awaiting": "choice"}
    understanding = Understanding(intent="reschedule", confidence=0.9, intents=("reschedule",))
    assert dialogue.as_answer(state, understanding, said).intent == intent
