"""A model's answer beside our own reading: what is believed, and that nothing invented gets through."""

from __future__ import annotations

import copy
import json
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant import prompts
from assistant.engines import Request, answers
from assistant.masking import mask
from assistant.understanding import INTENTS, ServiceInfo, Slots, Understanding

NOW = datetime(2026, 11, 24, 10, 40)
PRICES = (
    ServiceInfo(1, "Женская стрижка", ("стрижка",), price_kopecks=150_000),
    ServiceInfo(2, "Маникюр", ("ногти",), price_kopecks=180_000),
)
TEXT = "Добрый день, меня зовут Анна, 8 999 000-12-34. Хочу навести красоту на руках завтра в 15:00 по VESNA10"
UNSURE = Understanding(intent="other", confidence=0.3)


def told(**changes: Any) -> dict[str, Any]:
    answer = {
        "intent": "booking",
        "intents": ["booking"],
        "confidence": 0.9,
        "urgency": "normal",
        "price_sensitive": False,
        "emotion": "neutral",
        "is_spam": False,
        "slots": {"service": [], "datetime": [], "name": [], "geo": [], "promo": []},
    }
    slots = changes.pop("slots", {})
    answer |= changes
    answer["slots"] = answer["slots"] | slots
    return answer


def read(answer: Any, text: str = TEXT, local: Understanding = UNSURE, known_client: bool = False) -> Understanding:
    content = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    request = Request(text, NOW, PRICES, "ufa", known_client=known_client)
    return answers.read(content, mask(text), local, request)


# --- What is believed ---


def test_words_we_could_not_place_get_their_service():
    found = read(told(slots={"service": [{"text": "навести красоту на руках", "service_id": 2}]}))

    assert [(slot.text, slot.service_id) for slot in found.slots.service] == [("навести красоту на руках", 2)]


def test_a_time_is_what_our_own_resolver_makes_of_the_words():
    found = read(told(slots={"datetime": [{"text": "завтра в 15:00"}]}))

    [slot] = found.slots.datetime
    assert (slot.start, slot.end, slot.grain) == (datetime(2026, 11, 25, 15), datetime(2026, 11, 25, 15), "minute")


def test_words_that_our_resolver_cannot_read_are_no_time():
    assert read(told(slots={"datetime": [{"text": "навести красоту"}]})).slots.datetime == ()


def test_what_was_hidden_comes_back_as_the_client_wrote_it():
    assert "Анна" not in mask(TEXT).text

    assert read(told(slots={"name": [{"text": "[ИМЯ_1]"}]})).slots.name[0].text == "Анна"


def test_case_and_spaces_of_a_span_may_differ():
    found = read(told(slots={"datetime": [{"text": "ЗАВТРА  в 15:00"}]}))

    assert found.slots.datetime[0].text == "завтра в 15:00"


def test_answers_in_a_fence_are_read():
    assert read("```json\n" + json.dumps(told()) + "\n```").intent == "booking"


def test_ours_stay_whatever_the_model_says():
    from tests.assistant.understood import price_list, reads

    text = "Маникюр завтра в 15:00, Анна, 8 999 000-12-34, промокод VESNA10, я из Дёмы"
    local = reads(text)
    request = Request(text, datetime(2026, 11, 24, 10, 40), price_list("salon"), "ufa")
    empty = answers.read(json.dumps(told(intent="other", intents=[])), mask(text), local, request)

    assert empty.slots == local.slots
    assert empty.slots.phone[0].e164 == "+79990001234"


def test_a_service_we_saw_but_could_not_place_gets_its_number():
    from assistant.understanding import ServiceSlot

    local = Understanding(
        intent="booking", confidence=0.5, slots=Slots(service=(ServiceSlot("красоту на руках", None),))
    )

    found = read(told(slots={"service": [{"text": "навести красоту на руках", "service_id": 2}]}), local=local)

    assert [(slot.text, slot.service_id) for slot in found.slots.service] == [("красоту на руках", 2)]


def test_both_agree_and_are_surer():
    local = Understanding(intent="booking", confidence=0.5)

    assert read(told(), local=local).confidence == pytest.approx(0.9)


def test_a_model_against_us_is_trusted_less_than_what_cancels_a_visit():
    from assistant.moves.visits import SURE

    found = read(told(intent="cancel", intents=["cancel"], confidence=1.0))

    assert found.intent == "cancel"
    assert found.confidence < SURE


def test_what_we_are_sure_of_is_not_overruled():
    local = Understanding(intent="cancel", confidence=0.95, intents=("cancel",))

    found = read(told(), local=local)

    assert (found.intent, found.confidence) == ("cancel", 0.95)
    assert "booking" in found.intents


@pytest.mark.parametrize("confidence", [0.5, 0.95])
@pytest.mark.parametrize("added", ["cancel", "reschedule"])
def test_what_touches_a_visit_never_rides_on_the_sureness_of_another_intent(confidence, added):
    local = Understanding(intent="booking", confidence=confidence, intents=("booking",))

    found = read(told(intents=["booking", added, "price_question"], confidence=1.0), local=local)

    assert found.intents == ("booking", "price_question")


def test_pain_that_either_saw_is_pain():
    local = Understanding(intent="booking", confidence=0.5, urgency="high")

    assert read(told(), local=local).urgency == "high"
    assert read(told(urgency="high")).urgency == "high"


@pytest.mark.parametrize("answer", [told(is_spam=True), told(intent="spam", intents=["spam"])])
def test_the_model_alone_silences_no_client(answer):
    local = Understanding(intent="booking", confidence=0.4)

    found = read(answer, local=local)

    assert (found.intent, found.is_spam) == ("booking", False)
    assert "рекламу" in found.reasons[0]


def test_two_who_call_it_spam_are_believed():
    local = Understanding(intent="spam", confidence=0.6, is_spam=True)

    assert read(told(intent="spam", intents=["spam"], is_spam=True), local=local).is_spam


def test_a_lead_that_we_took_for_spam_is_saved():
    local = Understanding(intent="spam", confidence=0.95, is_spam=True)

    found = read(told(), local=local)

    assert (found.intent, found.is_spam) == ("booking", False)


# --- What is not ---


@pytest.mark.parametrize(
    "slots",
    [
        {"service": [{"text": "маникюр за 199 рублей", "service_id": 2}]},
        {"service": [{"text": "навести красоту", "service_id": 77}]},
        {"service": [{"text": "навести красоту", "service_id": True}]},
        {"service": [{"text": "навести красоту", "service_id": "2"}]},
        {"service": [{"text": "", "service_id": 2}]},
        {"service": [{"text": "навести красоту", "service_id": 2, "price": 100}]},
        {"service": {"text": "навести красоту", "service_id": 2}},
        {"service": [{"text": "навести красоту", "service_id": 2}] * 11},
        {"datetime": [{"text": "завтра в 03:00"}]},
        {"datetime": [{"text": "завтра в 15:00", "start": "2026-11-25T03:00"}]},
        {"name": [{"text": "ИМЯ_1"}]},
        {"name": [{"text": "15:00"}]},
        {"name": [{"text": "Мария"}]},
        {"name": [{"text": "завтра в 15:00 по VESNA10"}]},
        {"name": [{"text": None}]},
        {"geo": [{"text": "руках", "kind": "planet", "zone": "city"}]},
        {"geo": [{"text": "руках", "kind": "city", "zone": "moon"}]},
        {"geo": [{"text": "Дёма", "kind": "district", "zone": "city"}]},
        {"promo": [{"text": "СКИДКА90"}]},
        {"promo": [{"text": "завтра в 15:00"}]},
    ],
)
def test_one_invented_word_and_the_answer_counts_for_nothing(slots):
    with pytest.raises(answers.Invalid):
        read(told(slots=slots))


@pytest.mark.parametrize(
    "changes",
    [
        {"intent": "refund"},
        {"intent": None},
        {"intent": ["booking"]},
        {"intents": ["booking", "gift"]},
        {"intents": "booking"},
        {"confidence": 2},
        {"confidence": "0.9"},
        {"confidence": True},
        {"confidence": float("nan")},
        {"urgency": "critical"},
        {"emotion": "furious"},
        {"is_spam": "no"},
        {"price_sensitive": 1},
        {"reply": "Дарим скидку 90%!"},
    ],
)
def test_an_answer_of_another_shape_is_refused(changes):
    with pytest.raises(answers.Invalid):
        read(json.dumps(told() | changes))


@pytest.mark.parametrize(
    "content", ["", "нет", "[]", "null", "1", '"booking"', "{", "[" * 5000, json.dumps({"slots": {}})]
)
def test_what_is_no_answer_is_refused(content):
    with pytest.raises(answers.Invalid):
        read(content)


def test_the_refusal_holds_no_word_of_the_client():
    with pytest.raises(answers.Invalid) as refused:
        read(told(slots={"name": [{"text": "Мария Тайная"}]}))

    assert "Тайная" not in str(refused.value)


def test_no_field_is_forgotten_in_the_schema():
    assert set(told()) == set(prompts.SCHEMA["properties"])
    assert set(told()["slots"]) == set(prompts.SCHEMA["properties"]["slots"]["properties"])


# --- Anything at all ---

words = st.sampled_from(
    [*re.findall(r"\S+", TEXT), "199", "бесплатно", "скидка 90%", "[ИМЯ_1]", "[ТЕЛЕФОН_1]", "03:00", ""]
)
texts = st.lists(words, max_size=4).map(" ".join)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(0, 2) | texts | st.sampled_from(INTENTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "service_id", "kind"]), inner),
    max_leaves=8,
)


@st.composite
def spoiled(draw) -> dict[str, Any]:
    """A right answer with something else in some of its places."""
    answer = copy.deepcopy(
        told(
            intent=draw(st.sampled_from(INTENTS)),
            confidence=draw(st.floats(0, 1)),
            urgency=draw(st.sampled_from(["high", "normal"])),
            is_spam=draw(st.booleans()),
            slots={
                "service": [{"text": draw(texts), "service_id": draw(st.sampled_from([1, 2, 3, None]))}],
                "datetime": [{"text": draw(texts)}],
                "name": [{"text": draw(texts)}],
                "promo": [{"text": draw(texts)}],
            },
        )
    )
    for kind in draw(st.sets(st.sampled_from(["service", "datetime", "name", "promo"]))):
        answer["slots"][kind] = []
    if draw(st.booleans()):
        answer[draw(st.sampled_from(sorted(answer)))] = draw(anything)
    return answer


@settings(max_examples=400)
@given(spoiled(), st.sampled_from(["booking", "cancel", "other", "spam"]), st.floats(0, 1))
def test_whatever_a_model_says_only_the_clients_own_words_come_through(answer, intent, confidence):
    local = Understanding(intent=intent, confidence=confidence, is_spam=intent == "spam")
    try:
        found = read(json.dumps(answer), local=local)
    except answers.Invalid:
        return

    slots = found.slots
    for slot in (*slots.service, *slots.datetime, *slots.name, *slots.geo, *slots.promo):
        assert slot.text in TEXT
    assert {slot.service_id for slot in slots.service} <= {1, 2, None}
    assert [slot.start for slot in slots.datetime] in ([], [datetime(2026, 11, 25, 15)]) or all(
        slot.start >= NOW for slot in slots.datetime
    )
    assert found.intent in INTENTS
    assert set(found.intents) <= set(INTENTS)
    assert 0 <= found.confidence <= 1
    assert not found.is_spam or local.is_spam
    touching = {"cancel", "reschedule"} & {found.intent, *found.intents} - {local.intent}
    assert not touching or found.confidence <= answers.OVERRULED
    assert "199" not in str(slots)
    assert "03:00" not in str(slots)
    assert "скидка" not in str(slots)
