"""Whatever a client writes, in whatever order: nothing breaks, nothing is booked without a name, a phone and a yes."""

import random

import pytest

from assistant.understanding import INTENTS
from tests.assistant.chat import PHONE, Chat, at, day, either, known_client, part
from tests.assistant.test_dialogue_visits import visit
from tests.fakes_desk import FakeDesk

TEXTS = (
    "да", "нет", "2", "второе", "последнее", "на 15", "15:00", "другое время", "позже", "пораньше", "в субботу",
    "к Ольге", "не Анна, а Ольга", "Мария", "меня зовут Мария", "89990001234", "4321", "даю согласие",
    "не согласен", "спасибо", "оператор", "удалите мои данные", "отмените", "перенесите", "Записаться", "Цены",
    "Адрес и часы", "любое", "сколько стоит?", "где вы?", "ыва", "", "🙂", "🔥" * 50, "передумала", "а" * 10_000,
    "{when} {0} %s", "не могу дышать", "приду", "оставить", "+", "?", "-1", "0", "99999999999999999999",
    "завтра\nв 15\nна маникюр", "и ещё маникюр", "ничего не подходит",
)  # fmt: skip
TIMES = (
    None,
    None,
    None,
    day(25),
    day(28),
    at(25, 15),
    at(25, 8),
    at(20, 12),
    part(26, 17, 21),
    either(at(25, 8), at(25, 20)),
)


def desks(chance: random.Random) -> FakeDesk:
    if chance.random() < 0.5:
        return FakeDesk(urgent=(5,), phone_owner={PHONE: [visit(70, 25, 15), visit(71, 28, 12)]})
    return known_client(booked=[visit(70, 25, 15)], knowledge={"где": (1, "Во дворе.")})


@pytest.mark.parametrize("seed", range(150))
def test_any_order_of_messages(seed):
    chance = random.Random(seed)
    desk = desks(chance)
    chat = Chat(desk)
    before = len(desk.booked)
    for _ in range(14):
        chat.says(
            chance.choice(TEXTS),
            chance.choice(INTENTS),
            service=chance.choice(((), (), 1, 3, (2, 3), "стрижка", "татуаж")),
            when=chance.choice(TIMES),
            phone=chance.choice(("", "", PHONE)),
            name=chance.choice(("", "", "Мария")),
            also=chance.choice(((), (), ("price_question",), ("booking",), ("complaint", "booking"))),
            confidence=chance.choice((0.2, 0.6, 0.95)),
            urgency=chance.choice(("normal", "normal", "normal", "high")),
            silent=chance.random() < 0.05,
        )
        assert len(chat.reply) < 3000
        assert chat.keys.count("greeting") <= 1
        assert ("booked" in chat.keys) == ("booked" in chat.turn.facts)
        assert len([until for _, until in desk.holds.values() if until > desk.now]) <= 1
        chat.waits(minutes=chance.choice((0, 0, 1, 15)))
    if len(desk.booked) > before:
        assert desk.client.has_consent
        assert desk.client.name
        assert desk.client.phone
    assert len({(each.staff_id, each.start) for each in desk.booked if each.id not in desk.cancelled}) == len(
        [each for each in desk.booked if each.id not in desk.cancelled]
    )
