"""An understanding that is kept as JSON comes back as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from assistant.understand import understand
from assistant.understanding import ServiceInfo, Understanding

NOW = datetime(2026, 11, 25, 12, 0)
PRICE_LIST = (ServiceInfo(1, "Женская стрижка", ("стрижка",)), ServiceInfo(2, "Маникюр"))


@pytest.mark.parametrize(
    "text",
    [
        "Привет",
        "Меня зовут Ирина, 8 907 000-77-88, запишите на стрижку завтра после 15 или в пятницу утром, кроме 10:00",
        "в 7",
        "Как можно скорее на маникюр, я из Затона, промокод ЛЕТО25",
        "в субботу или в воскресенье, но не утром",
        "Продвижение сайтов http://spam.example",
    ],
)
def test_it_comes_back(text):
    understood = understand(text, now=NOW, price_list=PRICE_LIST, city="ufa")

    back = Understanding.from_json(understood.to_json())

    assert back.to_json() == understood.to_json()
    times = tuple(replace(slot, reason="") for slot in understood.slots.datetime)  # its reason stands with the others
    assert back.slots == replace(understood.slots, datetime=times)


@pytest.mark.parametrize("told", [{}, {"intent": "booking"}, {"slots": 1}])
def test_what_it_did_not_write_is_refused(told):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Understanding.from_json(told)
