"""A client who writes to the assistant: every turn goes through JSON, every text is filled from the real catalogue."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from assistant import dialogue, words
from assistant.talk import Turn
from assistant.understanding import (
    DateTimeSlot,
    Interval,
    NameSlot,
    PhoneSlot,
    PromoSlot,
    ServiceSlot,
    Slots,
    Understanding,
)
from tenants.business import texts
from tests.fakes_desk import SERVICES, FakeDesk

PHONE = "+79990001234"


def day(number: int, *, month: int = 11, text: str = "в этот день") -> DateTimeSlot:
    start = datetime(2026, month, number)
    return DateTimeSlot(text=text, start=start, end=start + timedelta(days=1), grain="day")


def at(number: int, hour: int, minute: int = 0, *, text: str = "завтра в это время", grain="minute") -> DateTimeSlot:
    start = datetime(2026, 11, number, hour, minute)
    return DateTimeSlot(text=text, start=start, end=start, grain=grain)


def part(number: int, begin: int, end: int, *, text: str = "завтра вечером") -> DateTimeSlot:
    return DateTimeSlot(text, datetime(2026, 11, number, begin), datetime(2026, 11, number, end), "part")


def either(first: DateTimeSlot, *others: DateTimeSlot) -> DateTimeSlot:
    """A time with more than one reading."""
    readings = tuple(Interval(each.start, each.end, each.grain) for each in others)
    return DateTimeSlot(first.text, first.start, first.end, first.grain, alternatives=readings)


class Chat:
    def __init__(self, desk: FakeDesk | None = None, state: dict | None = None):
        self.desk = desk or FakeDesk()
        self.state = state or {}
        self.turn: Turn
        self.reply = ""

    def says(
        self,
        text: str,
        intent: str = "other",
        *,
        service: tuple[int | str, ...] | int | str = (),
        when: DateTimeSlot | None = None,
        phone: str = "",
        name: str = "",
        promo: str = "",
        also: tuple[str, ...] = (),
        confidence: float = 0.9,
        urgency: str = "normal",
        silent: bool = False,
    ) -> Chat:
        named = service if isinstance(service, tuple) else (service,)
        slots = Slots(
            service=tuple(
                ServiceSlot(each, None) if isinstance(each, str) else ServiceSlot(SERVICES[each - 1].name.lower(), each)
                for each in named
            ),
            datetime=(when,) if when else (),
            phone=(PhoneSlot(phone, phone),) if phone else (),
            name=(NameSlot(name),) if name else (),
            promo=(PromoSlot(promo),) if promo else (),
        )
        understanding = Understanding(
            intent=intent,
            confidence=confidence,
            intents=(intent, *also),
            urgency=urgency,
            is_spam=intent == "spam",
            slots=slots,
        )
        self.turn = dialogue.step(self.state, understanding, self.desk, text=text, silent=silent)
        self.state = json.loads(json.dumps(self.turn.state))
        self.reply = "\n\n".join(self._rendered(say.key, say.params) for say in self.turn.says)
        return self

    def waits(self, **gone: float) -> Chat:
        self.desk.now += timedelta(**gone)
        return self

    @property
    def keys(self) -> list[str]:
        return [say.key for say in self.turn.says]

    @property
    def choices(self) -> tuple[str, ...]:
        return self.turn.says[-1].choices if self.turn.says else ()

    @property
    def awaiting(self) -> str:
        return self.state.get("awaiting", "")

    def _rendered(self, key: str, params: dict[str, str]) -> str:
        entry = texts.catalogue()[key]
        assert set(entry.required) <= set(params), f"{key} lacks {set(entry.required) - set(params)}"
        assert set(params) <= set(entry.placeholders), f"{key} does not know {set(params) - set(entry.placeholders)}"
        assert all(isinstance(value, str) for value in params.values())
        filled = [texts.render(variant, params) for variant in entry.variants]
        return filled[0].replace(words.NO_BREAK, " ").replace(words.THIN, " ")


def known_client(**changes) -> FakeDesk:
    """The desk of a client whose name, phone and consent are known and proven."""
    from assistant.desk import Client

    return FakeDesk(client=Client("Мария", PHONE, has_consent=True, is_returning=True, phone_proven=True), **changes)
