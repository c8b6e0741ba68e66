"""Phrases written to find weak places: telephones, places, names, times, and texts that only look as if they had some."""

from __future__ import annotations

import pytest

from assistant.dates import find_times
from assistant.names import find_names
from assistant.phones import find_phones
from assistant.places import find_places
from assistant.text import normalise
from assistant.times.shifts import find_shift
from tests.assistant.understood import TUESDAY, lines_of, reads

PROBES = lines_of("probes.jsonl")


def of(kind: str):
    probes = [probe for probe in PROBES if kind in probe]
    return pytest.mark.parametrize("probe", probes, ids=[probe["text"] for probe in probes])


@of("phone")
def test_telephones(probe):
    assert [slot.e164 for slot, _ in find_phones(normalise(probe["text"]))] == probe["phone"]


@of("geo")
def test_places(probe):
    found = find_places(normalise(probe["text"]), probe["city"])
    assert [[slot.text, slot.zone] for slot in found] == probe["geo"]


@of("name")
def test_names(probe):
    text = normalise(probe["text"])
    assert [slot.text for slot in find_names(text, phones=[span for _, span in find_phones(text)])] == probe["name"]


@of("times")
def test_times(probe):
    found = [
        [slot.start.isoformat(timespec="minutes"), slot.end and slot.end.isoformat(timespec="minutes"), slot.grain]
        for slot in find_times(probe["text"], now=TUESDAY)
    ]
    assert found == probe["times"]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("можно на час позже?", 60),
        ("подвиньте меня на часик", 60),
        ("перенесите на час вперёд", 60),
        ("сдвиньте на 1,5 часа позже", 90),
        ("на полчасика попозже можно?", 30),
        ("попозже немного, минут на сорок", 40),
        ("это плюс полтора часа. Подвинете?", 90),
        ("давайте на денек попозже", 24 * 60),
        ("на сутки вперёд", 24 * 60),
        ("сдвиньте мои губы на две недели", 14 * 24 * 60),
        ("на месяц вперёд", 30 * 24 * 60),
        ("можно пораньше на два часа", -120),
        ("пораньше дня на два", -2 * 24 * 60),
        ("на день раньше", -24 * 60),
    ],
)
def test_a_visit_moves_by_so_much(text, minutes):
    assert find_shift(normalise(text)).minutes == minutes
    assert reads(text).slots.shift == minutes
    assert reads(text).slots.datetime == ()


@pytest.mark.parametrize(
    "text",
    [
        "массаж на час", "перенесите на час", "сдвиньте на час дня", "перенесите на следующую неделю", "опоздаю на час",
        "сдвиньте на 18:00", "через час", "приеду на 2 дня", "запишите на неделе",
    ],
)  # fmt: skip
def test_what_moves_no_visit(text):
    assert find_shift(normalise(text)) is None


def test_a_shift_is_not_printed():
    assert "shift" not in reads("перенесите на час позже").to_json()["slots"]


def test_who_wants_no_time_is_left_alone():
    """Thanks, opening hours, papers and past visits hold a time that nobody asks for."""
    texts = [probe["text"] for probe in PROBES if probe.get("times") == []]
    kept = [text for text in texts if reads(text).slots.datetime]
    assert kept == []
